"""Status documents: any, and chosen ones."""

from hypothesis import strategies as st

from currents_segment.codecs.outcome import Outcome
from currents_segment.flows import status
from currents_segment.flows.status import HEALTHS, PHASES, Status

COUNT = st.integers(0, 10**12)
TIME = st.floats(0, 4e9)
MAYBE = st.none() | TIME
WORD = st.sampled_from(["a", "b", "c"])
TALLY = st.dictionaries(st.sampled_from([outcome.value for outcome in Outcome]), COUNT)
LAG = st.fixed_dictionaries(
    dict.fromkeys(("objects", "bytes", "messages", "lost"), COUNT)
    | dict.fromkeys(("retention", "oldest", "listed_at"), MAYBE)
    | {"error": st.none() | WORD}
)

LOSSES = st.lists(
    st.fixed_dictionaries(
        {"within": st.sampled_from(status.HORIZONS), "events": COUNT, "objects": COUNT, "bytes": COUNT, "unread": st.none() | COUNT}
    ),
    unique_by=lambda loss: loss["within"],
).map(lambda losses: sorted(losses, key=lambda loss: loss["within"]))


@st.composite
def connectors(draw, *, balanced=False):
    """A connector in any state; with a ledger that adds up, or nearly."""
    outcomes, in_flight = draw(TALLY), draw(COUNT)
    received = sum(outcomes.values()) + in_flight + (0 if balanced else draw(st.integers(-3, 3)))
    drawn = {
        "workspace": "shop",
        "received": received,
        "in_flight": in_flight,
        "outcomes": outcomes,
        "balance": received - sum(outcomes.values()) - in_flight,
        "health": draw(st.sampled_from(HEALTHS)),
        "why": draw(st.none() | WORD),
        "letters_error": draw(st.none() | WORD),
        "requests": draw(st.dictionaries(WORD, COUNT)),
        "unknown": draw(st.dictionaries(WORD, COUNT)),
        "slow": draw(st.dictionaries(WORD, COUNT)),
        "lag": draw(LAG),
        "losses": draw(LOSSES),
    }
    counts = {name: draw(COUNT) for name in ("in_transit", "letters_pending", "requests_in_flight", "batches")}
    times = {name: draw(MAYBE) for name in ("failing_since", "last_ok", "wait_until", "time_to_loss")}
    restored = draw(st.fixed_dictionaries({}, optional={"restored": st.fixed_dictionaries({"received": COUNT, "outcomes": TALLY})}))
    return drawn | counts | times | restored


@st.composite
def documents(draw, *, balanced=False):
    """Any document of one process."""
    return {
        "version": draw(st.sampled_from(["0.1.0", "0.2.0"])),
        "process": {
            "id": draw(st.integers(0, 3)),
            "of": draw(st.integers(1, 4)),
            "pid": draw(st.integers(1, 5)),
            "started": draw(TIME),
            "mode": draw(st.sampled_from(["once", "follow"])),
        },
        "phase": draw(st.sampled_from(PHASES)),
        "at": draw(TIME),
        "connectors": draw(st.dictionaries(WORD, connectors(balanced=balanced), max_size=3)),
        "dedup": {"ids": draw(COUNT), "window": draw(TIME), "effective_window": draw(TIME)},
    }


def document(**connectors) -> Status:
    """A document with these connectors, each fresh but for the changes named."""
    return {
        "version": "0.1.0",
        "process": {"id": 0, "of": 1, "pid": 7, "started": 10.0, "mode": "follow"},
        "phase": "running",
        "at": 100.0,
        "connectors": {name.replace("_", "-"): status.fresh("shop") | changes for name, changes in connectors.items()},
        "dedup": {"ids": 0, "window": 86400.0, "effective_window": 86400.0},
    }
