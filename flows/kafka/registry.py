"""A schema registry that never makes its caller wait: what is not known yet is pending, and asked for by a thread of its own.

A registry that is down, slow or refuses us holds its messages: nothing becomes undecodable by it. Only a schema that the registry itself says it does not
know, again after `unknown_after`, is given up; and asked for once more after as long, as it may have been registered since.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from queue import SimpleQueue
from typing import Final

from currents_segment.flows.config.kafka import Registry
from currents_segment.flows.errors import UserError
from currents_segment.flows.kafka.registry_client import Client, RegistryError, Unknown, Unusable

__all__ = ["Pending", "SchemaRegistry", "Unusable"]

AGAIN: Final = 5.0  # s between two questions for a schema that is not known: registering one takes a person, replicas agree sooner
FIRST_PAUSE: Final = 0.5  # s after a fault until the same schema is asked for again; twice as long after each further one
LAST_PAUSE: Final = 15.0  # s: so long at most after the registry came back nobody asks
CLOSE: Final = 1.0  # s that a close waits for a request under way; then it is left to end by itself
MAX_UNKNOWN: Final = 10_000  # schemas that are remembered as not usable: bytes that are no messages may name any id


@dataclass(frozen=True, slots=True)
class Pending:
    """Not known yet: hold the message and ask again.

    Attributes:
        why: in words, without credentials.
    """

    why: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known of a schema that cannot be used now.

    Attributes:
        answer: for the caller.
        due: when the registry is asked again, s of the clock; `inf` while it is being asked, or where that has no use.
        unknown_since: when the registry first said that it does not know it.
        pause: s until it is asked again after a fault.
    """

    answer: Pending | Unusable
    due: float = -inf
    unknown_since: float | None = None
    pause: float = FIRST_PAUSE


_NEW: Final = _Entry(Pending("the registry is being asked"))


class SchemaRegistry:
    """The schemas of one source, by id or GUID.

    Args:
        settings: where the registry is, who we are to it, and how long an unknown schema is asked for.
        clock: monotonic, seconds.
    """

    def __init__(self, settings: Registry, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._texts: dict[int | str, str] = {}
        self._entries: dict[int | str, _Entry] = {}
        self._queue: SimpleQueue[int | str | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._fault = ""
        self._bug: Exception | None = None
        self._asking_since: float | None = None

    def schema(self, ref: int | str) -> str | Pending | Unusable:
        """The schema, as one text that refers to no other, always the same object; or why there is none now. Never waits.

        Ask for all that are needed at once, so that they do not wait one behind the other.
        """
        text = self._texts.get(ref)
        if text is not None:
            return text
        if self._bug is not None:
            raise self._bug
        entry = self._entries.get(ref, _NEW)
        if entry.due <= self._clock():
            self._ask(ref, entry)
        return entry.answer

    @property
    def error(self) -> str | None:
        """What is wrong with the registry now, without credentials; None while it answers."""
        since = self._asking_since
        if since is not None and (waiting := self._clock() - since) > self._settings.timeout:
            return f"the schema registry has not answered for {waiting:.0f} s"
        return f"the schema registry {self._fault}" if self._fault else None

    def check(self) -> None:
        """Ask the registry for a schema, any; it waits for the answer.

        Raises:
            UserError: it cannot be reached, refuses us, or is no registry.
        """
        client = Client(self._settings)
        try:
            client.ask(1)
        except RegistryError as error:
            raise UserError(f"the schema registry at {self._settings.url} {error}") from None
        finally:
            client.close()

    def close(self) -> None:
        """No more questions."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(CLOSE)

    def _ask(self, ref: int | str, entry: _Entry) -> None:
        if len(self._entries) >= MAX_UNKNOWN:
            self._forget()
        self._entries[ref] = replace(entry, due=inf)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="schema-registry", daemon=True)
            self._thread.start()
        self._queue.put(ref)

    def _forget(self) -> None:
        """Half of what is not being asked, the oldest first."""
        settled = [ref for ref, entry in list(self._entries.items()) if entry.due < inf or isinstance(entry.answer, Unusable)]
        for ref in settled[: MAX_UNKNOWN // 2]:
            self._entries.pop(ref, None)

    def _work(self) -> None:
        client = Client(self._settings)
        try:
            while (ref := self._queue.get()) is not None:
                self._settle(client, ref)
        except Exception as bug:  # noqa: BLE001 - raised where the caller sees it
            self._bug = bug
        finally:
            client.close()

    def _settle(self, client: Client, ref: int | str) -> None:
        """Ask for one schema; a fault is this schema's alone, since a registry may fail on one of them."""
        before = self._entries.get(ref, _NEW)
        self._asking_since = self._clock()
        try:
            answer = client.ask(ref)
        except RegistryError as error:
            self._fault = str(error)
            self._entries[ref] = self._faulty(before)
        else:
            self._fault = ""
            if isinstance(answer, str):
                self._texts[ref] = answer
                self._entries.pop(ref, None)
            else:
                self._entries[ref] = self._without(answer, before)
        finally:
            self._asking_since = None

    def _faulty(self, before: _Entry) -> _Entry:
        answer = before.answer if isinstance(before.answer, Unusable) else Pending(f"the schema registry {self._fault}")
        return _Entry(answer, self._clock() + before.pause, before.unknown_since, min(2 * before.pause, LAST_PAUSE))

    def _without(self, answer: Unknown | Unusable, before: _Entry) -> _Entry:
        if isinstance(answer, Unusable):
            return _Entry(answer, inf)
        now, patience = self._clock(), self._settings.unknown_after
        since = now if before.unknown_since is None else before.unknown_since
        if now - since < patience:
            return _Entry(Pending(answer.detail), now + min(AGAIN, patience), since)
        return _Entry(Unusable(f"{answer.detail}, after {now - since:.0f} s of asking"), now + max(AGAIN, patience), since)
