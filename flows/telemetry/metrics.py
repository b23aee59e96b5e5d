"""The status document as Prometheus metrics, made anew at every scrape, and the two histograms that a document cannot hold.

`docs/metrics.md` is the contract for names, labels and meaning; a test holds both together.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from currents_segment.codecs.outcome import Outcome, Slow
from currents_segment.flows.status import HEALTHS, NOTHING, PHASES, Connector, Restored, Status, base, imbalance

PREFIX: Final = "currents_segment_"
SECONDS: Final = (
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.8,
    1.6,
    3.2,
    6.4,
    12.8,
    30.0,
    60.0,
)  # s: Segment answers in about 0.1; 30 is the default time-out
EVENTS: Final = (1, 10, 50, 100, 250, 500, 1000, 1500, 2000, 2500)  # Segment takes at most 2,500 in a request

Value = tuple[tuple[str, ...], float | None]
"""The values of a metric's own labels, and the number; None: there is nothing to say, and no sample."""


class Requests:
    """How long requests to Segment took and how many events they carried; a `Collector` for `http.serve`.

    `observe` is called once for every request that ended, by whichever thread saw it end.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("connector", "result")
        self._seconds = Histogram(
            f"{PREFIX}request_duration_seconds",
            "Time from sending a request to its answer or failure.",
            labels,
            registry=self._registry,
            buckets=SECONDS,
        )
        self._events = Histogram(f"{PREFIX}request_events", "Events in a request.", labels, registry=self._registry, buckets=EVENTS)

    def observe(self, connector: str, result: str, seconds: float, events: int) -> None:
        """One request ended.

        Args:
            connector: whose request it was.
            result: as in the status document: the status of the answer, or `timeout`, `dns`, …
            seconds: from its start to its end.
            events: how many it carried.
        """
        self._seconds.labels(connector, result).observe(seconds)
        self._events.labels(connector, result).observe(events)

    def collect(self) -> Iterator[Metric]:
        """What was observed since the start of the process."""
        yield from self._registry.collect()


class Document(Collector):
    """A collector that asks for the status document when it is scraped, and keeps nothing between two scrapes."""

    def __init__(self, document: Callable[[], Status]) -> None:
        self._document = document

    def collect(self) -> Iterator[Metric]:
        """Every metric of `docs/metrics.md` but the histograms."""
        document = self._document()
        yield from _process(document)
        for spec in CONNECTOR:
            yield spec.family(document)


def _process(document: Status) -> Iterator[Metric]:
    process, dedup = document["process"], document["dedup"]
    yield InfoMetricFamily(f"{PREFIX}build", "The version that runs.", {"version": document["version"]})
    names = {"id": str(process["id"]), "of": str(process["of"]), "mode": process["mode"]}
    yield InfoMetricFamily(f"{PREFIX}process", "Which process of how many this is, and whether it follows the log.", names)
    yield _gauge("process_start_time_seconds", "When the process started, seconds since the epoch.", process["started"])
    yield _gauge("status_time_seconds", "When these counts were taken, seconds since the epoch.", document["at"])
    phase = GaugeMetricFamily(f"{PREFIX}phase", "1 for the phase that the process is in, 0 for the others.", labels=("phase",))
    for name in PHASES:
        phase.add_metric((name,), name == document["phase"])
    yield phase
    yield _gauge("dedup_ids", "Ids remembered by the deduplication.", dedup["ids"])
    yield _gauge("dedup_window_seconds", "For how long ids are to be remembered.", dedup["window"])
    yield _gauge(
        "dedup_effective_window_seconds",
        "For how long they are remembered: less than the window when the cap on ids cuts it.",
        dedup["effective_window"],
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}{name}", text, value=value)


@dataclass(frozen=True, slots=True)
class Spec:
    """A metric that every connector has.

    Attributes:
        kind: a counter starts with the process; a gauge says what is.
        name: without the prefix and, for a counter, without `_total`.
        text: the line of help.
        values: samples of one connector, given it and the time of the document.
        labels: the metric's own, after `connector` and `workspace`.
    """

    kind: Literal["counter", "gauge"]
    name: str
    text: str
    values: Callable[[Connector, float], Iterable[Value]]
    labels: tuple[str, ...] = ()

    def family(self, document: Status) -> Metric:
        """All connectors' samples."""
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = make(f"{PREFIX}{self.name}", self.text, labels=("connector", "workspace", *self.labels))
        for name, connector in document["connectors"].items():
            for own, value in self.values(connector, document["at"]):
                if value is not None:
                    family.add_metric((name, connector["workspace"], *own), value)
        return family


def _one(field: Callable[[Connector], float | None]) -> Callable[[Connector, float], Iterable[Value]]:
    return lambda connector, _at: (((), field(connector)),)


def _outcomes(connector: Connector, start: Restored) -> Iterator[Value]:
    """Every outcome, 0 included: a rate needs a sample from before the first event."""
    for outcome in Outcome:
        yield (outcome.state.value, outcome.reason), connector["outcomes"].get(outcome.value, 0) - start["outcomes"].get(outcome.value, 0)


def _losses(what: Literal["events", "objects", "bytes", "unread"]) -> Callable[[Connector, float], Iterable[Value]]:
    return lambda connector, _at: (((f"{loss['within'] / 3600:g}h",), loss[what]) for loss in connector.get("losses", []))


# The ledger outlives the process, a counter must not: after a crash the ledger steps back a little; Prometheus would read the step as a
# restart from 0 and report the whole ledger as new events. Hence counters from `base` on, and the ledger as gauges.
CONNECTOR: Final = (
    Spec("counter", "received", "Events received since the process started.", _one(lambda c: c["received"] - base(c)["received"])),
    Spec("counter", "events", "Events that ended since the process started.", lambda c, _: _outcomes(c, base(c)), ("state", "reason")),
    Spec("gauge", "ledger_received_events", "Events received, by the ledger.", _one(lambda c: c["received"])),
    Spec(
        "gauge",
        "ledger_events",
        "Events that ended, by the ledger.",
        lambda c, _: _outcomes(c, NOTHING),
        ("state", "reason"),
    ),
    Spec("gauge", "ledger_balance_events", "Received events that are in no state: anything but 0 is a bug.", _one(imbalance)),
    Spec("gauge", "in_transit_events", "Events read from the log and not yet received.", _one(lambda c: c.get("in_transit", 0))),
    Spec("gauge", "in_flight_events", "Events received and not yet in a terminal state.", _one(lambda c: c["in_flight"])),
    Spec("gauge", "letters_pending_events", "Events decided whose dead letters are not yet written.", _one(lambda c: c["letters_pending"])),
    Spec(
        "gauge",
        "health",
        "1 for the health that the connector is in, 0 for the others.",
        lambda c, _: (((h,), h == c["health"]) for h in HEALTHS),
        ("health",),
    ),
    Spec("gauge", "failing_since_seconds", "Since when attempts fail, seconds since the epoch.", _one(lambda c: c["failing_since"])),
    Spec(
        "gauge",
        "failing_seconds",
        "For how long attempts have been failing; 0 when they do not.",
        lambda c, at: (((), _since(at, c["failing_since"])),),
    ),
    Spec("gauge", "last_success_time_seconds", "The last 2xx, seconds since the epoch.", _one(lambda c: c["last_ok"])),
    Spec(
        "gauge", "wait_until_time_seconds", "Until when Segment asked us to wait, seconds since the epoch.", _one(lambda c: c["wait_until"])
    ),
    Spec("gauge", "time_to_loss_seconds", "Until the first event expires if nothing succeeds before.", _one(lambda c: c["time_to_loss"])),
    Spec(
        "gauge", "loss_held_events", "Events held that expire within this time if nothing succeeds before.", _losses("events"), ("within",)
    ),
    Spec("gauge", "loss_unread_objects", "Unread objects of which the same is true.", _losses("objects"), ("within",)),
    Spec("gauge", "loss_unread_bytes", "Their size in bytes.", _losses("bytes"), ("within",)),
    Spec("gauge", "loss_unread_events", "The events in them, estimated.", _losses("unread"), ("within",)),
    Spec("counter", "requests", "Requests to Segment that ended.", lambda c, _: (((r,), n) for r, n in c["requests"].items()), ("result",)),
    Spec("gauge", "requests_in_flight", "Requests to Segment under way.", _one(lambda c: c["requests_in_flight"])),
    Spec("counter", "batches", "Batches that ended.", _one(lambda c: c["batches"])),
    Spec("gauge", "lag_objects", "Objects listed and not read to their end.", _one(lambda c: c["lag"]["objects"])),
    Spec("gauge", "lag_bytes", "Their size in bytes.", _one(lambda c: c["lag"]["bytes"])),
    Spec(
        "gauge", "lag_messages", "Messages not read, up to the end of their topics at the last look.", _one(lambda c: c["lag"]["messages"])
    ),
    Spec("gauge", "lost_to_retention_messages", "Messages that were deleted before they were read.", _one(lambda c: c["lag"]["lost"])),
    Spec("gauge", "retention_seconds", "The shortest time that a topic keeps its messages.", _one(lambda c: c["lag"]["retention"])),
    Spec("gauge", "lag_seconds", "Age of the oldest of them; 0 when there is none.", lambda c, at: (((), _since(at, c["lag"]["oldest"])),)),
    Spec(
        "gauge",
        "listed_time_seconds",
        "The last listing or look at the topics that worked, seconds since the epoch.",
        _one(lambda c: c["lag"]["listed_at"]),
    ),
    Spec("gauge", "listing_failed", "1 when the log cannot be read.", _one(lambda c: c["lag"]["error"] is not None)),
    Spec(
        "gauge",
        "unknown_names",
        "Types and fields met that the catalogue does not know.",
        lambda c, _: (((u,), n) for u, n in c["unknown"].items()),
        ("name",),
    ),
    Spec(
        "counter",
        "slow_events",
        "Events that took the decoder's slow path.",
        lambda c, _: (((why,), c.get("slow", {}).get(why, 0)) for why in Slow),
        ("reason",),
    ),
)


def _since(at: float, start: float | None) -> float:
    return 0.0 if start is None else max(0.0, at - start)
