"""Where events are read and written: folders and bucket URLs in one form, and whether two of them overlap."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from currents_segment.flows.config.quantities import WrongValueError, shown

SCHEMES: Final = ("s3", "gs", "az")  # what obstore opens by URL; the account of az:// comes from `options`
REMEDY: Final = "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or a folder"


def normal(value: object, folder: Path) -> str:
    """A folder or bucket as a URL without a slash at its end; relative folders are relative to `folder`. WrongValueError where it is neither."""
    if not isinstance(value, str) or not value.strip():
        raise WrongValueError(f"{shown(value)} is not a place: {REMEDY}")
    parts = urlsplit(value)
    if not parts.scheme:
        return plain(folder / value).as_uri()
    if parts.scheme == "file" and not parts.netloc:
        return plain(Path(unquote(parts.path))).as_uri()
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise WrongValueError(f"{shown(f'{parts.scheme}://')} is not a place that can be opened: {REMEDY}")
    if "@" in parts.netloc or parts.query or parts.fragment:  # not shown: it may be a password or a signature
        raise WrongValueError(
            "has a user, a query or a fragment in its URL: put credentials into options, by reference (env:NAME or file:PATH)"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def plain(path: Path) -> Path:
    """Without `..` and `//`; symbolic links stay, so that a folder may be moved behind one."""
    return Path(os.path.normpath(path))


def within(one: str, other: str) -> bool:
    """Whether one of two places, in normal form, is the other or lies in it."""
    return f"{one}/".startswith(f"{other}/")


def overlap(one: str, other: str) -> bool:
    """Whether one of two places lies in the other."""
    return within(one, other) or within(other, one)


def address(value: str) -> str:
    """A server's URL; WrongValueError unless it is http or https with a host and without credentials."""
    parts = urlsplit(value)
    if "@" in parts.netloc:
        raise WrongValueError("has a user in its URL: put it into username and password")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongValueError(f"{shown(value)} is not an http or https URL: write http(s)://HOST:PORT")
    return value


def brokers(value: object) -> str:
    """Brokers as `host:port,host:port`; WrongValueError where one of them is none."""
    if not isinstance(value, str) or not value.strip():
        raise WrongValueError(f"{shown(value)} names no broker: write host:port, several separated by commas")
    each = [broker.strip() for broker in value.split(",")]
    for broker in each:
        host, colon, port = broker.rpartition(":")
        if not (host and colon and port.isdecimal() and 0 < int(port) < 65536) or "/" in broker or "@" in broker:  # noqa: PLR2004  # ports
            raise WrongValueError(f"{shown(broker)} is not a broker: write host:port, without a scheme")
    return ",".join(each)


def web(value: object) -> str:
    """An endpoint's URL; WrongValueError unless it is http or https with a host and without credentials."""
    if not isinstance(value, str):
        raise WrongValueError(f"{shown(value)} is not a URL: write http://HOST:PORT/v1/batch, or leave it out")
    parts = urlsplit(value)
    if "@" in parts.netloc:
        raise WrongValueError("has a user in its URL: remove it, the write key goes in write_key")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongValueError(f"{shown(value)} is not an http or https URL: write http://HOST:PORT/v1/batch, or leave it out")
    return value
