"""A folder of generated Avro files, and a bucket: a small server of the S3 protocol over a folder, whose answers can be spoiled."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import fastavro
import pytest

from currents_segment.codecs.chunk import Records
from currents_segment.flows.bucket import CLASSES, BucketLog

OPEN = "users.messages.email.Open"
CLICK = "users.messages.email.Click"
ROOT = "dataexport.prod-01.S3.integration.5f3"
PAGE = 100  # keys of one answer to a listing; S3's 1,000 would only take longer


def avro(ids: list[str], kind: str = OPEN, *, codec: str = "null", sync_interval: int = 16_000) -> bytes:
    """A container file of events that hold an id."""
    schema = {
        "type": "record",
        "name": kind.rpartition(".")[2],
        "namespace": kind.rpartition(".")[0],
        "fields": [{"name": "id", "type": "string"}],
    }
    out = io.BytesIO()
    fastavro.writer(out, schema, [{"id": one} for one in ids], codec=codec, sync_interval=sync_interval)
    return out.getvalue()


def ids(records: Records) -> list[str]:
    """The ids in a stretch of records."""
    schema = fastavro.parse_schema(json.loads(records.schema)) if records.schema else None
    data = io.BytesIO(records.data)
    return [fastavro.schemaless_reader(data, schema, None)["id"] for _ in range(records.count)]


def key(kind: str, hour: str, name: str, *, new: bool = False) -> str:
    """A key in Braze's old or new layout."""
    within = "version=3/prod" if new else "42/prod-01"
    return f"{ROOT}/event_type={kind}/date={hour}/{within}/{name}.avro"


def until(condition: Callable[[], object]) -> None:
    """Wait until it holds; fails after 20 s."""
    deadline, tick = time.monotonic() + 20, Event()
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        tick.wait(0.002)


@dataclass
class Source:
    """What a log needs of a configured source."""

    url: str
    name: str = "currents"
    poll: float = 0.02
    late: float = 6 * 3600.0
    options: dict[str, str] = field(default_factory=dict)

    def resolved_options(self) -> dict[str, str]:
        """The options, which hold no references."""
        return dict(self.options)


@dataclass
class Reader:
    """Drives a log as a flow does, and keeps what it was given, by unit.

    Attributes:
        most: events that it asks for at a time; 1: each piece for itself.
    """

    log: BucketLog
    most: int = 1
    reads: list[tuple[int, object]] = field(default_factory=list)

    def poll(self) -> None:
        """Take all that is ready."""
        for unit in self.log._lanes:
            while (read := self.log.read(unit, self.most)) is not None:
                self.reads.append((unit, read))

    def until(self, condition: Callable[[], object]) -> "Reader":
        """Take until the condition holds."""
        until(lambda: (self.poll(), condition())[1])
        return self

    def all(self) -> "Reader":
        """Take until everything is exhausted."""
        return self.until(lambda: all(self.log.exhausted(unit) for unit in self.log._lanes))

    @property
    def records(self) -> list[Records]:
        """All that was taken, in order."""
        return [records for _, read in self.reads for records in read.records]

    @property
    def ids(self) -> list[str]:
        """The ids of all events taken."""
        return [one for records in self.records for one in ids(records)]

    @property
    def damage(self) -> list[str]:
        """Each stretch of damage taken: object, block, detail."""
        return [f"{records.origin.object}#{records.origin.block} {records.damage.detail}" for records in self.records if records.damage]


@pytest.fixture
def open_log() -> Iterator[Callable[..., Reader]]:
    """Open logs that are closed when the test ends."""
    logs = []

    def open_log(
        source, *, units=None, selected=frozenset({OPEN, CLICK}), everything=False, once=True, start="earliest", most=1, **more
    ) -> Reader:
        log = BucketLog(
            source,
            connector="shop-to-segment",
            start=start,
            selected=selected,
            everything=everything,
            units=dict.fromkeys(range(CLASSES)) if units is None else units,
            once=once,
            **{"clock": time.time, "pause": lambda _: 0.01, **more},
        )
        logs.append(log)
        return Reader(log, most)

    yield open_log
    for log in logs:
        log.close()


@dataclass
class Folder:
    """A folder to be filled."""

    path: Path

    def put(self, name: str, data: bytes) -> str:
        """A file, which appears whole."""
        (path := self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (hidden := path.with_name(f".{path.name}")).write_bytes(data)
        hidden.rename(path)
        return name

    def events(self, made: list[str], name: str, *, kind: str = OPEN, hour: str = "2026-03-04-05", new: bool = False, **how) -> str:
        """An Avro file of these ids in Braze's layout; its key."""
        return self.put(key(kind, hour, name, new=new), avro(made, kind, **how))

    @property
    def source(self) -> Source:
        """Where it is, as configured."""
        return Source(str(self.path))


@pytest.fixture
def folder(tmp_path) -> Folder:
    """An empty folder."""
    (tmp_path / "bucket").mkdir()
    return Folder(tmp_path / "bucket")


@dataclass
class Bucket(Folder):
    """A bucket served from a folder.

    Attributes:
        spoil: called with method and key or query; an answer (status, S3's error code) it gives is sent instead.
        requests: what was asked, in order.
    """

    port: int = 0
    spoil: Callable[[str, str], tuple[int, str] | None] = lambda _method, _what: None
    requests: list[str] = field(default_factory=list)

    @property
    def source(self) -> Source:
        """Where it is, as configured."""
        options = {"endpoint": f"http://127.0.0.1:{self.port}", "region": "us-east-1", "access_key_id": "me", "secret_access_key": "hush"}
        return Source("s3://shop/exports", options=options)

    def page(self, query: dict[str, list[str]]) -> str:
        """One answer to a listing (ListObjectsV2)."""
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        keys = sorted(f"exports/{path.relative_to(self.path).as_posix()}" for path in self.path.rglob("*") if path.is_file())
        entries: dict[str, str] = {}
        for one in (one for one in keys if one.startswith(prefix)):
            head, cut, _ = one[len(prefix) :].partition(delimiter) if delimiter else (one, "", "")
            name = f"{prefix}{head}{cut}" if cut else one
            if name <= after or name in entries:
                continue
            if len(entries) == PAGE:
                more = f"<NextContinuationToken>{escape(max(entries))}</NextContinuationToken>"
                break
            stat = (self.path / one.removeprefix("exports/")).stat()
            when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(stat.st_mtime))
            entries[name] = (
                f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
                if cut
                else f"<Contents><Key>{escape(name)}</Key><LastModified>{when}</LastModified><ETag>1</ETag><Size>{stat.st_size}</Size></Contents>"
            )
        else:
            more = ""
        return f"<ListBucketResult>{''.join(entries.values())}<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}</ListBucketResult>"


@pytest.fixture
def bucket(tmp_path) -> Iterator[Bucket]:
    """An empty bucket."""
    (tmp_path / "s3").mkdir()
    made = Bucket(tmp_path / "s3")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            name = unquote(url.path).removeprefix("/shop").removeprefix("/exports").strip("/")
            what = name or url.query
            made.requests.append(f"{self.command} {what}")
            if (spoilt := made.spoil(self.command, what)) is not None:
                self.answer(spoilt[0], f"<Error><Code>{spoilt[1]}</Code><Message>signed by hush</Message></Error>".encode())
            elif not name:
                self.answer(200, made.page(parse_qs(url.query)).encode())
            elif not (path := made.path / name).is_file():
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                data = path.read_bytes()
                first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
                part = data[int(first) : int(last) + 1 if last else None]
                status = 206 if "Range" in self.headers else 200
                self.answer(
                    status, part, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"} if status == 206 else {}
                )

        do_HEAD = do_GET  # noqa: N815  # the base class's name

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {
                "Last-Modified": "Wed, 04 Mar 2026 05:06:07 GMT",
                "ETag": "1",
                "Content-Length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_args) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with closing(server.socket):
        yield made
        server.shutdown()
        thread.join()
