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
    """The write key in force.

    It is what was read last. A file is read anew at each `changed()`: it holds some 40 bytes, and a rotation by symbolic link (as Kubernetes does it) or within the
    clock's grain of the file system changes nothing else that could be looked at.
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
        """The key in force; raises `UserError` when it was never readable."""
        if self._value is None:
            self._value = self._secret.read()
        return self._value

    def changed(self) -> bool:
        """Takes a new value into force and says so; a key that cannot be read just now (a file being replaced) leaves the last one in force."""
        try:
            value = self._secret.read()
        except UserError:
            if self._value is None:
                raise
            return False
        changed = self._value is not None and value != self._value
        self._value = value
        return changed

    def __repr__(self) -> str:
        return f"Key({self.reference})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a write key is never pickled: it would land in the recovery store")
