"""The errors that a user meets, as a tree.

UserError                   a mistake that the user can mend: one line, exit code 2
├── ConfigError             the configuration file has mistakes; one line each, all of them
└── FailedError             the job could not be done or found a difference; exit code 1
    ├── EndedHardError      a stop did not drain in time; exit code 3
    └── StoppedError        a bounded job was stopped before its end; exit code 130
"""

from typing import ClassVar


class UserError(Exception):
    """Something that the person at the terminal can mend; the message says what, where and how."""

    exit_code: ClassVar[int] = 2


class ConfigError(UserError):
    """The configuration has mistakes.

    Attributes:
        mistakes: one line each: file, path within it, reason, remedy.
    """

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class FailedError(UserError):
    """The command was right, the job was not done; the message says what is left and where to look."""

    exit_code: ClassVar[int] = 1


class EndedHardError(FailedError):
    """A stop had to be ended hard: nothing is lost, the last epoch is done again."""

    exit_code: ClassVar[int] = 3


class StoppedError(FailedError):
    """A job that has an end was stopped before it; the message says how to go on."""

    exit_code: ClassVar[int] = 130


def unknown_version(what: str, found: object, known: int) -> UserError:
    """The state holds something that another version wrote and this one cannot take over."""
    said = f"state: {what} of version {found}, this program knows version {known}"
    if isinstance(found, int) and found < known:
        return UserError(
            f"{said}; go on with the version of currents-segment that wrote it, or move the state folder away and set `start` to a time before the last delivery: "
            "what Segment saw within 24 h it drops by messageId"
        )
    return UserError(f"{said}; use the version of currents-segment that wrote it, or a newer one")
