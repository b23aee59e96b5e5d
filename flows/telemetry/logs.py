"""Log lines on stderr: an event name and fields, JSON for machines and readable for a terminal.

Normal operation logs a start, a stop and changes of state of a connector, nothing else. Secrets and personal data never pass, whoever logs them.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

from currents_segment.flows.errors import UserError

PRIVATE: Final = (
    "writekey",
    "apikey",
    "accesskey",
    "authorization",
    "token",
    "password",
    "secret",
    "credential",
    "email",
    "phone",
    "userid",
    "anonymousid",
)
"""A field whose name contains one of these, case and punctuation aside, is shown as `HIDDEN`."""
LEVELS: Final = ("debug", "info", "warning", "error")
HIDDEN: Final = "[redacted]"
_IN_TEXT: Final = (
    (re.compile(r"\b(basic|bearer)\s+[\w+/=.~-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"://[^/\s@]+@"), f"://{HIDDEN}@"),  # credentials in a URL
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), HIDDEN),  # an e-mail address
)


def configure(*, terminal: bool, level: str = "info") -> None:
    """Log to stderr from here on; lines of libraries (warnings and worse) take the same way. May be called again.

    Args:
        terminal: for the eye, in colour unless `NO_COLOR` is set; otherwise one JSON object a line.
        level: one of `LEVELS`; less important lines are dropped.

    Raises:
        UserError: there is no such level.
    """
    if level.lower() not in LEVELS:
        raise UserError(f"there is no log level {level!r}; use one of {', '.join(LEVELS)}")
    render: Any = structlog.processors.JSONRenderer(default=repr, ensure_ascii=False)
    if terminal:
        colours = "NO_COLOR" not in os.environ
        # rich's tracebacks would print local variables, and with them keys and messages
        render = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal),
            structlog.processors.format_exc_info,
            redact,
            _in_order,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: structlog.WriteLogger(_Stderr()),  # type: ignore[arg-type]  # it needs write and flush only
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Libraries)] + [_Libraries(logging.WARNING)]
    logging.captureWarnings(capture=True)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A belt, not a licence: fields under a private name are hidden at any depth, and so are keys, URLs' credentials and addresses within text."""
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: Any) -> Any:
    if any(word in re.sub(r"[^a-z]", "", name.lower()) for word in PRIVATE):
        return value if value is None or isinstance(value, bool) else HIDDEN
    match value:
        case str():
            for pattern, replacement in _IN_TEXT:
                value = pattern.sub(replacement, value)
            return value
        case Mapping():
            return {str(key): _shown(str(key), inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown("", inner) for inner in value]
        case None | bool() | int() | float():
            return value
        case _:
            return _shown("", repr(value))


def _in_order(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Time, level and event name first: a person reads JSON lines too."""
    first = ("timestamp", "level", "event")
    return {name: event[name] for name in first if name in event} | {name: value for name, value in event.items() if name not in first}


class _Stderr:
    """Whatever `sys.stderr` is when a line is written: the progress table replaces it to keep lines above itself."""

    def write(self, line: str) -> None:
        sys.stderr.write(line)

    def flush(self) -> None:
        sys.stderr.flush()


class _Libraries(logging.Handler):
    """What libraries say through `logging` becomes lines of ours: `library.message`, with the logger's name."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, "library.message", logger=record.name, message=record.getMessage(), exc_info=record.exc_info or None
        )
