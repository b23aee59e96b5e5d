"""Gets status documents from outside: from processes that run, over HTTP, or from the files that the last run left. It changes nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from currents_segment.flows.errors import FailedError, UserError
from currents_segment.flows.merging import merge
from currents_segment.flows.status import Status
from currents_segment.flows.telemetry.words import moment

TIMEOUT: Final = 5.0  # s: the server makes a document in milliseconds, unless the machine is starved
ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - who listens on all addresses is reached on this one


@dataclass(frozen=True, slots=True)
class Found:
    """What could be learnt.

    Attributes:
        document: of the whole cluster as far as it was found.
        running: its processes answered just now; otherwise it is what the last run left.
        note: what to know about the document, a sentence; empty when there is nothing.
        missing: processes that should answer and do not, a sentence each.
    """

    document: Status
    running: bool
    note: str = ""
    missing: tuple[str, ...] = ()


class SilentError(Exception):
    """Nothing answers at an address; the message says how."""


def running(urls: Sequence[str], *, get: Callable[[str], Status] | None = None) -> Found:
    """The status of the cluster at these URLs: several are taken as they are; behind one, the other processes are sought on the ports beside it.

    Args:
        urls: `http://host:port`, one or more.
        get: gets the document of one URL, or raises `SilentError`; `fetch` by default.

    Raises:
        SilentError: none of `urls` answers.
        FailedError: something else than currents-segment answers.
        UserError: a URL is none.
    """
    get = get or fetch
    documents: dict[int, Status] = {}
    missing: list[str] = []
    beside: list[str] = []
    for place in urls:
        try:
            document = get(place)
        except SilentError as silent:
            missing.append(str(silent))
            continue
        documents[document["process"]["id"]] = document
        if len(urls) == 1:
            beside = _beside(place, document["process"]["id"], document["process"]["of"])
    if not documents:
        raise SilentError("; ".join(missing))
    for place in beside:
        try:
            document = get(place)
        except (SilentError, FailedError) as other:  # a guess may meet anything
            missing.append(str(other))
        else:
            documents[document["process"]["id"]] = document
    whole = merge(list(documents.values()))
    absent = [str(i) for i in range(whole["process"]["of"]) if i not in documents]
    if absent:
        missing.append(
            f"no status of process {', '.join(absent)} of {whole['process']['of']}; on other machines? Then name every process with --url"
        )
    return Found(whole, running=True, missing=tuple(missing))


def saved(state: Path) -> Found | None:
    """What the last run left in its state folder; None when there was none.

    Raises:
        FailedError: a file cannot be read.
    """
    documents = [_read(file) for file in state.glob("status-*.json")]
    if not documents:
        return None
    latest = max(documents, key=lambda document: document["at"])
    size = latest["process"]["of"]  # a larger cluster before may have left more files
    whole = merge([document for document in documents if document["process"]["of"] == size and document["process"]["id"] < size])
    if latest["phase"] == "stopped":
        return Found(whole, running=False, note=f"the last run ended at {moment(latest['at'])}")
    note = f"the last run was heard of at {moment(latest['at'])}, {latest['phase']}: it did not end by itself; the next start goes on from its last commit"
    return Found(whole, running=False, note=note)


def fetch(url: str) -> Status:
    """The status document of one process.

    Raises:
        SilentError: nothing answers.
        FailedError: something else than currents-segment answers.
        UserError: it is no URL.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    kinds = {"http": HTTPConnection, "https": HTTPSConnection}
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme not in kinds:
        raise UserError(f"--url: {url!r} is no address of a process; write it as http://127.0.0.1:8321")
    connection = kinds[parts.scheme](ANY.get(host, host), port, timeout=TIMEOUT)
    try:
        connection.request("GET", parts.path.removesuffix("/").removesuffix("/status") + "/status")
        answer = connection.getresponse()
        code, body = answer.status, answer.read()
    except (OSError, HTTPException) as error:
        raise SilentError(f"nothing answers at {url}: {getattr(error, 'strerror', None) or str(error) or type(error).__name__}") from error
    finally:
        connection.close()
    document = _parsed(body)
    if document is None:
        raise FailedError(f"{url} answers {code}, but not with a status document: is it the http address of currents-segment?")
    return document


def address(host: str, port: int) -> str:
    """The URL of a process on this host."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _beside(url: str, number: int, of: int) -> list[str]:
    """Where the other processes of a local cluster listen: process i at the first one's port + i."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    first = (parts.port or 80) - number
    return [address(parts.hostname or "", first + i) for i in range(of) if i != number]


def _parsed(body: bytes) -> Status | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return cast("Status", document) if isinstance(document, dict) and set(Status.__required_keys__) <= set(document) else None


def _read(file: Path) -> Status:
    document = _parsed(file.read_bytes())
    if document is None:
        raise FailedError(f"{file} is no status document; the next run writes it anew, or delete it")
    return document
