"""A connector's write key: read by reference, noticed when it is rotated, and never shown."""

from typing import NoReturn, Protocol

from currents_segment.flows.errors import UserError


class Secret(Protocol):
    """Where a secret stands; the configuration's `SecretRef` is one."""

    @property
    def reference(self) -> str:
        """`env:NAME` or `file:PATH`."""

    def read(self) -> str:
        """The value now; raises `UserError` naming the reference, never the value."""


class Key:
    """The write key in force: what could be read last.

    It is read anew for every request, a file of some 40 bytes for up to 2,500 events: Segment answers 200 to a key that is no longer valid and loses the events, so a
    rotated key must not wait for a failure to be noticed. A look at the file's time and size would save little and miss a rotation within the clock's grain.
    """

    __slots__ = ("_secret", "_value")

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._value: str | None = None

    @property
    def reference(self) -> str:
        """Where the key stands; may be shown."""
        return self._secret.reference

    def read(self) -> str:
        """The key. One that cannot be read just now (a file being replaced) stays in force; raises `UserError` when it was never readable."""
        try:
            self._value = self._secret.read()
        except UserError:
            if self._value is None:
                raise
        return self._value

    def changed(self) -> bool:
        """Whether there is another key than at the last look or read; one that cannot be read just now is no other."""
        before = self._value
        try:
            return self.read() != before and before is not None
        except UserError:
            return False

    def __repr__(self) -> str:
        return f"Key({self.reference})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a write key is never pickled: it would land in the recovery store")
