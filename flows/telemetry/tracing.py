"""OpenTelemetry spans of what flows: one a chunk, one a batch that is linked to its chunks. Off unless the standard variables turn it on.

Spans say where in the log something stood and how many events it held: never a key, an id of a person or a messageId.
Off costs nothing: the SDK is not even imported. A collector that is slow or away never holds the flow up; its spans are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import structlog

from currents_segment.codecs.chunk import Origin
from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.errors import UserError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

PREFIX: Final = "currents_segment."
PATIENCE: Final = 2.0  # s: what a stop may cost; the whole stop has 5
Context = tuple[int, int]
"""(trace id, span id) of a span that is exported."""


class Tracing:
    """Turned off: every method does nothing. What is turned on behaves as the docstrings here say."""

    def chunk(  # noqa: PLR0917 - in the order of a chunk's life
        self, connector: str, origin: Origin, arrival: float, received: int, tally: Mapping[Outcome, int], started: float, ended: float
    ) -> Context | None:
        """A chunk was read and decoded for a connector.

        Args:
            connector: for whom.
            origin: where its first record stands in the log.
            arrival: when it came into the log, seconds since the epoch.
            received: events in it.
            tally: those that ended already, by outcome.
            started: seconds since the epoch.
            ended: seconds since the epoch.

        Returns:
            What a batch links to; None when the span is not sampled.
        """

    def batch(
        self,
        connector: str,
        links: Iterable[Context],
        *,
        attempts: int,
        result: str,
        events: int,
        bytes: int,  # noqa: A002 - the word of the status document
        started: float,
        ended: float,
    ) -> None:
        """A batch ended; its span is an error unless the last answer was a 2xx.

        Args:
            connector: whose batch.
            links: the spans of the chunks that its events came from.
            attempts: requests made for it.
            result: the last answer, as in the status document: `200`, `503`, `timeout`, …
            events: messages in it.
            bytes: size of its body, not compressed.
            started: start of the first attempt, seconds since the epoch.
            ended: end of the last, seconds since the epoch.
        """

    def flush(self, patience: float = PATIENCE) -> bool:  # noqa: ARG002 - there is nothing to be patient for
        """Export what has ended; False when that took longer than `patience` (s)."""
        return True

    def close(self, patience: float = PATIENCE) -> None:
        """Export what has ended, for at most `patience` (s), and stop; what is left is dropped and logged as `tracing.dropped`."""


def setup(environ: Mapping[str, str], *, service_version: str, process_id: int) -> Tracing:
    """Tracing as the environment asks for: on when an OTLP endpoint is set or `OTEL_TRACES_EXPORTER=otlp`.

    The SDK reads the rest (headers, time-outs, samplers, limits) from the environment of the process by itself:
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

    Args:
        environ: the environment of the process.
        service_version: becomes `service.version`.
        process_id: number of the process in its cluster; becomes `service.instance.id`.

    Raises:
        UserError: an exporter or protocol that is not there is asked for.
    """

    def variable(*names: str) -> str:
        return next((value for name in names if (value := environ.get(name, "").strip())), "")  # set but empty is unset, says OpenTelemetry

    exporter = variable("OTEL_TRACES_EXPORTER").lower()
    endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if variable("OTEL_SDK_DISABLED").lower() == "true" or exporter == "none" or not (exporter or endpoint):
        return Tracing()
    if exporter not in {"", "otlp"}:
        raise UserError(f"OTEL_TRACES_EXPORTER={exporter} is not supported; use otlp or none")
    protocol = variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in {"", "http/protobuf"}:
        raise UserError(f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol} is not supported; use http/protobuf (collectors take it at port 4318)")

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - off costs nothing
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    ours = Resource({"service.name": "currents-segment", "service.version": service_version, "service.instance.id": str(process_id)})
    resource = Resource.create().merge(ours).merge(OTELResourceDetector().detect())  # what the environment says wins
    # not at exit: the SDK's own handler waits for a dead collector as long as it likes; `close` is bounded
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    export = OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(export))
    return Spans(provider, export)


class Spans(Tracing):
    """Turned on; safe to use from several threads."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - off costs nothing

        self._api = trace
        self._provider = provider
        self._exporter = exporter
        self._tracer = provider.get_tracer("currents_segment")

    def chunk(  # noqa: PLR0917 - in the order of a chunk's life
        self, connector: str, origin: Origin, arrival: float, received: int, tally: Mapping[Outcome, int], started: float, ended: float
    ) -> Context | None:
        """See `Tracing.chunk`."""
        ended_here = {outcome.value.replace("/", "."): count for outcome, count in tally.items() if count}
        attributes: dict[str, str | int | float] = {
            "connector": connector,
            "log": origin.log,
            "object": origin.object,
            "block": origin.block,
            "record": origin.record,
            "arrival": arrival,
            "received": received,
            "kept": received - sum(ended_here.values()),
            **ended_here,
        }
        span = self._tracer.start_span("chunk", attributes=_named(attributes), start_time=_ns(started))
        context = span.get_span_context()
        span.end(_ns(ended))
        return (context.trace_id, context.span_id) if context.trace_flags.sampled else None

    def batch(
        self,
        connector: str,
        links: Iterable[Context],
        *,
        attempts: int,
        result: str,
        events: int,
        bytes: int,  # noqa: A002 - as in Tracing
        started: float,
        ended: float,
    ) -> None:
        """See `Tracing.batch`."""
        api, sampled = self._api, self._api.TraceFlags(self._api.TraceFlags.SAMPLED)
        chunks = [api.Link(api.SpanContext(trace, span, is_remote=False, trace_flags=sampled)) for trace, span in links]
        attributes: dict[str, str | int | float] = {
            "connector": connector,
            "attempts": attempts,
            "result": result,
            "events": events,
            "bytes": bytes,
        }
        span = self._tracer.start_span(
            "batch", kind=api.SpanKind.CLIENT, attributes=_named(attributes), links=chunks, start_time=_ns(started)
        )
        if not result.startswith("2"):
            span.set_status(api.Status(api.StatusCode.ERROR, result))
        span.end(_ns(ended))

    def flush(self, patience: float = PATIENCE) -> bool:
        """See `Tracing.flush`."""
        return _within(patience, self._provider.force_flush)

    def close(self, patience: float = PATIENCE) -> None:
        """See `Tracing.close`."""
        if not _within(patience, self._provider.shutdown):
            self._exporter.shutdown()  # ends the waiting between two attempts
            structlog.get_logger().warning("tracing.dropped", why=f"the collector did not take the last spans within {patience:g} s")


def _within(patience: float, work: Callable[[], object]) -> bool:
    """Whether `work` ended in time; it goes on in a daemon thread when not. The SDK's own time-outs are not all heeded by the SDK."""
    thread = threading.Thread(target=work, name="tracing", daemon=True)
    thread.start()
    thread.join(patience)
    return not thread.is_alive()


def _named(attributes: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    return {PREFIX + name: value for name, value in attributes.items()}


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
