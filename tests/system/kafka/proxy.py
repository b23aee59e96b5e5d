"""A TCP proxy in front of a broker that can swallow everything: connections stand, and nothing comes through any more, in either direction."""

import selectors
import socket
import threading
from contextlib import suppress
from typing import Final

PIECE: Final = 1 << 16


class Proxy:
    """Forwards to a port of 127.0.0.1 until it is told to swallow.

    Attributes:
        port: where it listens.

    Args:
        target: where it forwards to.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._through, self._ends = threading.Event(), False
        self._through.set()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def swallow(self) -> None:
        """Nothing comes through, and no connection breaks; new ones are taken and hear nothing."""
        self._through.clear()

    def forward(self) -> None:
        """As before; what was sent meanwhile arrives now."""
        self._through.set()

    def close(self) -> None:
        """End every connection."""
        self._ends = True
        self._through.set()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while not self._ends:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            self._open.append(client)
            threading.Thread(target=self._carry, args=(client,), name="proxy connection", daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """One connection to its end; the end of one side is that of the other."""
        self._through.wait()
        with (
            client,
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target)) as broker,
            selectors.DefaultSelector() as ready,
        ):
            self._open.append(broker)
            for each, other in ((client, broker), (broker, client)):
                ready.register(each, selectors.EVENT_READ, other)
            while not self._ends:
                for event, _ in ready.select():
                    self._through.wait()
                    piece = event.fileobj.recv(PIECE)  # type: ignore[union-attr]
                    if not piece:
                        return
                    event.data.sendall(piece)
