import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows.telemetry.metrics import Document, Requests

DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"
CRM = {"connector": "crm", "workspace": "shop"}


def scrape(document, requests=None):
    """What Prometheus reads: family by name."""
    registry = CollectorRegistry()
    for collector in (Document(lambda: document), requests or Requests()):
        registry.register(collector)
    return {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}


def value(families, name, **labels):
    """The one sample with exactly these labels; None when there is none."""
    samples = [sample for family in families.values() for sample in family.samples if sample.name == f"currents_segment_{name}"]
    values = [sample.value for sample in samples if sample.labels == labels]
    assert samples  # the metric is there, for whatever connector
    assert len(values) <= 1
    return values[0] if values else None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("in_transit_events", 40),
        ("in_flight_events", 10),
        ("letters_pending_events", 2),
        ("ledger_received_events", 130),
        ("ledger_balance_events", 0),
        ("failing_since_seconds", 700),
        ("failing_seconds", 300),
        ("last_success_time_seconds", 690),
        ("wait_until_time_seconds", 1010),
        ("time_to_loss_seconds", 3600),
        ("requests_in_flight", 1),
        ("batches_total", 5),
        ("lag_objects", 3),
        ("lag_bytes", 4096),
        ("lag_messages", 7),
        ("lost_to_retention_messages", 2),
        ("retention_seconds", 172800),
        ("lag_seconds", 60),
        ("listed_time_seconds", 995),
        ("listing_failed", 0),
    ],
)
def test_connector(document, name, expected):
    """What the document says of a connector is what Prometheus reads."""
    assert expected == value(scrape(document), name, **CRM)


@pytest.mark.parametrize(("within", "expected"), [("1h", (4, 0, 0, 0)), ("6h", (10, 3, 4096, 700))])
def test_losses(document, within, expected):
    """How many events are lost by when: those held are counted, those unread are known by their objects and estimated."""
    families = scrape(document)
    names = ("loss_held_events", "loss_unread_objects", "loss_unread_bytes", "loss_unread_events")
    assert expected == tuple(value(families, name, within=within, **CRM) for name in names)


def test_requests(document):
    """Requests are counted by what came of them."""
    families = scrape(document)
    assert {result: value(families, "requests_total", result=result, **CRM) for result in ("200", "503")} == {"200": 4, "503": 9}


def test_counters_start_with_the_process(document):
    """A counter leaves out what the ledger held when the process took over, so that a step back of the ledger is no burst of events."""
    families = scrape(document)
    assert value(families, "received_total", **CRM) == 100
    assert value(families, "events_total", state="delivered", reason="", **CRM) == 80
    assert value(families, "ledger_events", state="delivered", reason="", **CRM) == 100


def test_every_outcome_has_a_sample(document):
    """A connector to which nothing has happened has a 0 for every outcome: a rate sees the first event."""
    families = scrape(document)
    expected = {(outcome.state.value, outcome.reason): 0 for outcome in Outcome}
    for name in ("events", "ledger_events"):
        samples = [sample for sample in families[f"currents_segment_{name}"].samples if sample.labels["connector"] == "web"]
        assert expected == {(sample.labels["state"], sample.labels["reason"]): sample.value for sample in samples}


def test_nothing_to_say(document):
    """A connector that does not fail has no time of failure, and no made-up 0 in its place."""
    families = scrape(document)
    for name in (
        "failing_since_seconds",
        "last_success_time_seconds",
        "wait_until_time_seconds",
        "time_to_loss_seconds",
        "listed_time_seconds",
    ):
        assert value(families, name, connector="web", workspace="blog") is None
    assert value(families, "failing_seconds", connector="web", workspace="blog") == 0


def test_one_health(document):
    """A connector is in exactly one health, a process in exactly one phase."""
    families = scrape(document)
    health = {s.labels["health"] for s in families["currents_segment_health"].samples if s.value and s.labels["connector"] == "crm"}
    phase = {s.labels["phase"] for s in families["currents_segment_phase"].samples if s.value}
    assert (health, phase) == ({"failing"}, {"running"})


def test_imbalance(document):
    """A ledger that does not add up shows as its difference, computed from the counts."""
    document["connectors"]["crm"]["received"] += 3
    assert value(scrape(document), "ledger_balance_events", **CRM) == 3


def test_histograms(document):
    """A request is seen once, with its duration and its events."""
    requests = Requests()
    requests.observe("crm", "200", 0.15, 2400)
    requests.observe("crm", "timeout", 30.0, 10)
    families = scrape(document, requests)
    assert value(families, "request_duration_seconds_sum", connector="crm", result="200") == 0.15
    assert value(families, "request_duration_seconds_bucket", connector="crm", result="200", le="0.2") == 1
    assert value(families, "request_duration_seconds_bucket", connector="crm", result="200", le="0.1") == 0
    assert value(families, "request_events_sum", connector="crm", result="timeout") == 10


def documented():
    """Of `docs/metrics.md`: name → (type, labels)."""
    rows = re.findall(r"^\| `(currents_segment_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows}


def served(document):
    """The same of a scrape in which every metric has a sample; what Prometheus adds to a histogram is left out."""
    requests = Requests()
    requests.observe("crm", "200", 0.1, 1)
    registry = CollectorRegistry()
    suffix = {"counter": "_total", "info": "_info"}
    for collector in (Document(lambda: document), requests):
        registry.register(collector)
    return {
        family.name + suffix.get(family.type, ""): (family.type, frozenset(sample.labels) - {"le"})
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_documentation(document):
    """Every metric is documented with its type and labels, and every documented metric is there."""
    assert documented() == served(document)


def test_alerts(document):
    """Every expression that the page proposes names metrics and labels that there are."""
    known = served(document)
    alerts = re.findall(r"^\| [^|`]+ \| `(.*currents_segment_.*)` \|$", DOCS.read_text(), re.MULTILINE)
    assert alerts
    for expression in alerts:
        for name, selector in re.findall(r"(currents_segment_\w+)(?:\{(\w+)=)?", expression):
            assert name in known
            assert not selector or selector in known[name][1]


def test_documented_outcomes():
    """The documented states and reasons are the closed list."""
    rows = re.findall(r"^\| `([a-z]+)` \| ?([^|]*) ?\|$", DOCS.read_text(), re.MULTILINE)
    expected = {(outcome.state.value, outcome.reason) for outcome in Outcome}
    assert expected == {(state, reason) for state, reasons in rows for reason in re.findall(r"`(\w+)`", reasons) or [""]}
