import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.errors import UserError
from currents_segment.flows.telemetry.tracing import Spans, Tracing, setup

ORIGIN = Origin("s3://bucket/currents", "event_type=users.messages.email.Click/part-0.avro", block=2, record=30)
TALLY = {Outcome.ANONYMOUS_USER: 3, Outcome.NO_IDENTITY: 2, Outcome.TOO_LARGE: 0}
BATCH = {"attempts": 2, "result": "200", "events": 95, "bytes": 40_000, "started": 1011.0, "ended": 1012.0}


@pytest.fixture
def memory():
    """Tracing that is on, and where its finished spans are."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Spans(provider, exporter), exporter
    provider.shutdown()


def chunk(tracing):
    """One chunk of a hundred events."""
    return tracing.chunk("crm", ORIGIN, 1000.0, 100, TALLY, 1010.0, 1010.5)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_chunk(memory):
    """A chunk is a span with its place in the log, its counts and its own times, and nothing else."""
    tracing, exporter = memory
    context = chunk(tracing)
    (span,) = exporter.get_finished_spans()
    expected = {
        "connector": "crm",
        "log": "s3://bucket/currents",
        "object": "event_type=users.messages.email.Click/part-0.avro",
        "block": 2,
        "record": 30,
        "arrival": 1000.0,
        "received": 100,
        "kept": 95,
        "filtered.anonymous_user": 3,
        "rejected.no_identity": 2,
    }
    assert expected == {name.removeprefix("currents_segment."): value for name, value in span.attributes.items()}
    assert context == (span.context.trace_id, span.context.span_id)
    assert (span.name, span.start_time, span.end_time) == ("chunk", 1010_000_000_000, 1010_500_000_000)


def test_batch(memory):
    """A batch is a span that is linked to the chunks whose events it carries."""
    tracing, exporter = memory
    contexts = [chunk(tracing), chunk(tracing)]
    tracing.batch("crm", contexts, **BATCH)
    span = exporter.get_finished_spans()[-1]
    expected = {"connector": "crm", "attempts": 2, "result": "200", "events": 95, "bytes": 40_000}
    assert expected == {name.removeprefix("currents_segment."): value for name, value in span.attributes.items()}
    assert contexts == [(link.context.trace_id, link.context.span_id) for link in span.links]
    assert (span.name, span.kind, span.status.status_code) == ("batch", SpanKind.CLIENT, StatusCode.UNSET)


@pytest.mark.parametrize("result", ["503", "timeout", "400"])
def test_failed_batch(memory, result):
    """A batch whose last answer was no 2xx is an error that names the answer."""
    tracing, exporter = memory
    tracing.batch("crm", [], **BATCH | {"result": result})
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, result)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "TRUE"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_off(environ):
    """Without an endpoint, or when the standard variables say so, there is no tracing and nothing to do."""
    tracing = setup(environ, service_version="0", process_id=0)
    assert type(tracing) is Tracing
    assert chunk(tracing) is None
    tracing.batch("crm", [], **BATCH)
    assert tracing.flush()
    tracing.close()


def test_off_costs_nothing():
    """Turned off, OpenTelemetry is not even imported."""
    program = (
        "import sys; from currents_segment.flows.telemetry import tracing; tracing.setup({}, service_version='0', process_id=0);"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER=jaeger is not supported; use otlp or none"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "PROTOCOL=grpc is not supported; use http/protobuf"),
    ],
)
def test_unsupported(environ, message):
    """What is not there is refused at the start, with what is there."""
    with pytest.raises(UserError, match=message):
        setup(environ, service_version="0", process_id=0)


def environment(monkeypatch, **variables):
    """The environment of the process: these OTEL_ variables and no others."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return os.environ


def test_exported(monkeypatch):
    """A collector receives chunks and batches over OTLP/HTTP, linked."""

    async def run(port):
        async with OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(http_port=port)) as collector:
            expected = [
                asyncio.create_task(collector.await_trace(lambda span, name=name: span.name == name, 10)) for name in ("chunk", "batch")
            ]
            environ = environment(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
            tracing = setup(environ, service_version="1.2.3", process_id=1)
            tracing.batch("crm", [chunk(tracing)], **BATCH)
            await asyncio.to_thread(tracing.close, 10.0)
            return await asyncio.gather(*expected)

    chunk_span, batch_span = asyncio.run(run(free_port()))
    (link,) = batch_span.links
    assert (chunk_span.trace_id, chunk_span.span_id) == (link.trace_id, link.span_id)


def test_flush(memory):
    """A flush that ends in time says so."""
    tracing, _ = memory
    assert tracing.flush(10.0)


@pytest.mark.parametrize(
    ("variables", "name"),
    [({}, "currents-segment"), ({"OTEL_SERVICE_NAME": "mine"}, "mine"), ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=ours"}, "ours")],
)
def test_resource(monkeypatch, variables, name):
    """The service is `currents-segment` unless the environment names it; version and process are told."""
    tracing = setup(environment(monkeypatch, OTEL_TRACES_EXPORTER="otlp", **variables), service_version="1.2.3", process_id=1)
    attributes = tracing._provider.resource.attributes
    tracing.close()
    assert (name, "1.2.3", "1") == tuple(attributes[f"service.{key}"] for key in ("name", "version", "instance.id"))


def test_sampler(monkeypatch):
    """Sampling is as the standard variables say; a chunk that is not sampled is nothing to link to."""
    environ = environment(monkeypatch, OTEL_TRACES_EXPORTER="otlp", OTEL_TRACES_SAMPLER="always_off")
    tracing = setup(environ, service_version="0", process_id=0)
    assert chunk(tracing) is None
    tracing.close()


def test_collector_hangs(monkeypatch):
    """A collector that takes spans and never answers costs a stop no more than its patience, and what is dropped is said."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        environ = environment(
            monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{mute.getsockname()[1]}", OTEL_EXPORTER_OTLP_TIMEOUT="30"
        )
        tracing = setup(environ, service_version="0", process_id=0)
        chunk(tracing)
        started = time.monotonic()
        assert not tracing.flush(0.2)
        with structlog.testing.capture_logs() as logs:
            tracing.close(0.2)
        assert time.monotonic() - started < 10
        assert [line["event"] for line in logs] == ["tracing.dropped"]
    for thread in threading.enumerate():  # the closed socket ends them: nothing is left to the next test
        if thread.name in {"tracing", "OtelBatchSpanRecordProcessor"}:
            thread.join(10)
            assert not thread.is_alive()


def test_counts_by_state(memory):
    """Every outcome has an attribute of its own: no two share a name."""
    tracing, exporter = memory
    tracing.chunk("crm", ORIGIN, 0.0, len(Outcome), dict.fromkeys(Outcome, 1), 0.0, 1.0)
    (span,) = exporter.get_finished_spans()
    seen = defaultdict(int)
    for name in span.attributes:
        seen[name.removeprefix("currents_segment.").partition(".")[0]] += 1
    assert tuple(seen[state] for state in ("filtered", "rejected", "undecodable")) == (3, 3, 3)
    assert span.attributes["currents_segment.kept"] == 0
