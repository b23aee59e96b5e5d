"""Opening a source's store, and naming what is wrong with it. One code path for `s3://`, `gs://`, `az://` and folders.

Never puts a fault's own text into a message: it may hold URLs, keys' names and what was signed.
"""

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import LocalStore, from_url

from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

    from currents_segment.flows.config import Source

FAULTS: Final = (BaseError, OSError)
"""What obstore raises; anything else is a bug."""
RETRY: Final["RetryConfig"] = {
    "max_retries": 2,  # the log retries by itself, and says so; below it only a hiccup is hidden
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}
CLIENT: Final["ClientConfig"] = {"timeout": "30s", "connect_timeout": "5s"}
CLIENT_OPTIONS: Final = frozenset({"allow_http", "allow_invalid_certificates", "connect_timeout", "proxy_url", "timeout", "user_agent"})
"""Options of a source that are the HTTP client's, not the store's."""


class Kind(StrEnum):
    """What is wrong with a store, in an operator's words."""

    ACCESS = "access denied"
    EXPIRED = "credentials expired"
    BUCKET = "no such bucket"
    FOLDER = "no such folder"
    REGION = "wrong region"
    SLOW = "throttled"
    UNREACHABLE = "unreachable"
    REPLACED = "object replaced while it was read"
    SETTINGS = "settings refused"
    OTHER = "storage fault"


REMEDY: Final = {
    Kind.ACCESS: "check the credentials and that they may list and read below this URL",
    Kind.EXPIRED: "renew the credentials; a file that an option refers to is read again at the next try",
    Kind.BUCKET: "check the bucket's name, region and endpoint",
    Kind.FOLDER: "create the folder or correct the path",
    Kind.REGION: "set `region` in the source's options",
    Kind.SLOW: "list less often (`poll`); it is tried again",
    Kind.UNREACHABLE: "check `endpoint`, network and DNS",
    Kind.REPLACED: "it is read again from its beginning, and what comes twice is dropped",
    Kind.SETTINGS: "check the URL and the source's options",
    Kind.OTHER: "it is tried again; see the store's own log",
}

_CODES: Final = {
    "NoSuchBucket": Kind.BUCKET,
    "ContainerNotFound": Kind.BUCKET,
    "ExpiredToken": Kind.EXPIRED,
    "TokenRefreshRequired": Kind.EXPIRED,
    "SlowDown": Kind.SLOW,
    "ServerBusy": Kind.SLOW,
    "AuthorizationHeaderMalformed": Kind.REGION,
}
_STATUS: Final = {"401": Kind.ACCESS, "403": Kind.ACCESS, "404": Kind.BUCKET, "429": Kind.SLOW, "503": Kind.SLOW}
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_HTTP: Final = re.compile(r"status code: (\d{3})")


def place(url: str) -> str:
    """The URL as messages, spans and dead letters name it: without user, password and query; a folder as its path."""
    if (path := folder(url)) is not None:
        return str(path)
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def folder(url: str) -> Path | None:
    """The local folder that the URL means, or None for a remote store."""
    if url.startswith("file://"):
        return Path(url2pathname(urlsplit(url).path))
    return None if "://" in url else Path(url)


def open_store(source: "Source") -> "ObjectStore":
    """The store, rooted at the source's URL; no network. Secrets are read anew each time, so that rotated ones are picked up.

    Options go to the store (`region`, `endpoint`, `access_key_id`, …) or to its HTTP client (`CLIENT_OPTIONS`). Without credentials among them
    the store's own chain is used (environment, web identity, instance metadata). A plain-text endpoint (`http://…`) needs no further option.

    Raises:
        UserError: an option or URL that the store does not know.
    """
    if (path := folder(source.url)) is not None:
        return LocalStore(path)  # a missing folder is a fault (GenericError), retried as any other
    options: dict[str, Any] = dict(source.resolved_options())
    client: dict[str, Any] = {**CLIENT, **{name: options.pop(name) for name in CLIENT_OPTIONS & options.keys()}}
    client["allow_http"] = str(client.get("allow_http", options.get("endpoint", "").startswith("http://"))).lower() == "true"
    client["allow_invalid_certificates"] = str(client.get("allow_invalid_certificates", False)).lower() == "true"
    try:
        return from_url(source.url, config=options, client_options=client, retry_config=RETRY)  # type: ignore[call-overload,no-any-return]
    except (*FAULTS, ValueError) as error:
        reason = str(error).split("\n", 1)[0]  # no request was made: it names an option or the URL's scheme, never a value
        raise UserError(f"{Kind.SETTINGS}: {place(source.url)}: {reason}; {REMEDY[Kind.SETTINGS]}") from None


def classify(error: Exception, url: str) -> Kind | None:
    """What a fault means; None when one object is not there and its store is."""
    text = str(error)
    code, status = _CODE.search(text), _HTTP.search(text)
    path = folder(url)
    kind: Kind | None = Kind.OTHER
    if code is not None and code[1] in _CODES:
        kind = _CODES[code[1]]
    elif path is not None and not path.is_dir():
        kind = Kind.FOLDER
    elif isinstance(error, FileNotFoundError):
        kind = None
    elif isinstance(error, PreconditionError):
        kind = Kind.REPLACED
    elif isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)) or "PermissionDenied" in text:
        kind = Kind.ACCESS
    elif status is not None:
        kind = _STATUS.get(status[1], Kind.OTHER)
    elif "incorrectly configured region" in text:
        kind = Kind.REGION
    elif "HTTP error" in text:
        kind = Kind.UNREACHABLE
    return kind


def message(kind: Kind, url: str, key: str = "") -> str:
    """One line for an operator: what, where, remedy."""
    return f"{kind}: {place(url)}{f' ({key})' if key else ''}; {REMEDY[kind]}"


class Storage:
    """A source's store, opened when it is first needed, and again after a fault, so that renewed secrets count."""

    def __init__(self, source: "Source") -> None:
        self._source = source
        self._store: ObjectStore | None = None
        self.url = source.url
        self.place = place(source.url)

    def open(self) -> "ObjectStore":
        """The store; raises UserError when its settings are refused."""
        store = self._store
        if store is None:
            store = self._store = open_store(self._source)
        return store

    def fault(self, error: Exception, key: str = "") -> str:
        """One line for an operator about what was raised."""
        self._store = None
        if isinstance(error, UserError):
            return str(error)
        return message(classify(error, self.url) or Kind.OTHER, self.url, key)
