"""Secrets by reference: the file names where a secret is, never what it is."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from currents_segment.flows.config.quantities import WrongValueError
from currents_segment.flows.errors import UserError

_ENV: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_FILE: Final = re.compile(r"file:[^\0\n]+")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is; its value is read at each use, so that a rotated key works without a restart.

    Attributes:
        reference: `env:NAME` or `file:PATH`.
        folder: what a relative PATH is relative to: the folder of the configuration file.
    """

    reference: str
    folder: Path = field(default=Path(), repr=False)

    @classmethod
    def parse(cls, text: object, folder: Path) -> "SecretRef":
        """The reference that `text` is; WrongValueError, without the text (it may be the secret itself), where it is none."""
        if not isinstance(text, str) or not (_ENV.fullmatch(text) or _FILE.fullmatch(text)):
            raise WrongValueError("is not a reference: write env:NAME or file:PATH, never the secret itself")
        return cls(text, folder)

    def read(self) -> str:
        """The secret, without white space around it; UserError that names the reference, never the value, where there is none."""
        kind, _, where = self.reference.partition(":")
        value = self._variable(where) if kind == "env" else self._content(where)
        if not value.strip():
            raise UserError(f"secret {self.reference} is empty: put the secret there, alone")
        return value.strip()

    def _variable(self, name: str) -> str:
        try:
            return os.environ[name]
        except KeyError:
            raise UserError(f"secret {self.reference} is missing: set the environment variable {name}") from None

    def _content(self, name: str) -> str:
        path = self.folder / name
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(f"secret {self.reference} is missing: create the file {path}") from None
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8 text"
            raise UserError(f"secret {self.reference} cannot be read from {path}: {reason}") from None
