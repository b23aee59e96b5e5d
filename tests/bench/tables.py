"""The tables of the results: rows of text, the head first. The same results give the same rows."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any, Final

from tests.bench import sizing
from tests.bench.contenders import CONSUME, GZIP, LOOP, Contender
from tests.bench.pods import CORES
from tests.bench.sizing import DAY
from tests.bench.stages import PACK, READ

Found = Mapping[str, Any]
KAFKA: Final = 3.2  # CPU-s per million, after the start: the goals
BUCKET: Final = 3.5
BARE: Final = 2.3  # what a bare loop took where they were set; it had a decoder of its own, and side by side with it ours takes as long
SHELL: Final = {1: 0.5, 2: 0.7}  # µs of processor time an event, source to packed batch, by processes
TWICE: Final = 1.7  # times the events/s of one: what two have to carry
RATE: Final = 5_000  # events/s of the goal for latency
IDS: Final = 10_000_000  # of the goal for a start


def reference(found: Found) -> dict[str, Any]:
    """The row that all others are compared with: ours from Kafka, one process, one connector."""
    ours: dict[str, Any] = found["race"][0]
    return ours


def row(found: Found, contender: Contender) -> dict[str, Any]:
    """Its row of the race."""
    one: dict[str, Any] = next(row for row in found["race"] if row["name"] == contender.name)
    return one


def race(found: Found) -> list[list[str]]:
    """The one table, its head first."""
    head = [
        "who",
        "CPU-s per million, after the start",
        "times the first",
        "start, CPU-s",
        "per million with start",
        "events/s",
        "memory, MB",
        "MB sent per million",
        "sample",
        "equal output",
    ]
    base = reference(found)["after_start"]
    return [
        head,
        *([*_figures(row, base)] for row in found["race"]),
        *([each["name"], each["why"], *[""] * 8] for each in found.get("absent", ())),
    ]


def _figures(row: Mapping[str, Any], base: float) -> Iterator[str]:
    yield row["name"]
    yield f"{row['after_start']:.2f}" + (" ({:.2f} to {:.2f})".format(*row["spread"]) if row["rounds"] > 1 else "")
    yield f"{row['after_start'] / base:.2f}" if row["after_start"] < 10 * base else f"{row['after_start'] / base:.0f}"
    yield f"{row['start']:.2f}" if row["start"] else ""
    yield f"{row['whole']:.2f}"
    yield f"{row['rate']:,.0f}"
    yield f"{row['memory'] / 1e6:,.0f}" if row["memory"] else ""
    yield f"{row['traffic'] / row['events']:,.0f}" if row["traffic"] else ""
    yield f"{row['events']:,}"
    yield {True: "yes", False: "NO", None: ""}[row["equal"]]


def pods(found: Found) -> list[list[str]]:
    """One pod beside two; medians of what was run more than once."""
    runs = found["pods"]["runs"]
    head = ["log", "connectors", "one pod, events/s", "two pods, events/s", "times"]
    rows = [[*head, "CPU-s per million: one", "two", "of its limit: one", "two", "equal output"]]
    for shape in dict.fromkeys((each["source"], each["connectors"]) for each in runs):
        one, two = (speed(found, *shape, processes) for processes in (1, 2))
        same = [[each for each in runs if _shape(each) == (*shape, processes)] for processes in (1, 2)]
        cpu = [f"{median(each['cpu'] for each in every):.2f}" for every in same]
        limit = [f"{median(each['used'] for each in every):.0%}" for every in same]
        equal = "yes" if all(each["equal"] for every in same for each in every) else "NO"
        rows.append([shape[0], f"{shape[1]}", f"{one:,.0f}", f"{two:,.0f}", f"{two / one:.2f}", *cpu, *limit, equal])
    return rows if runs else [rows[0], [f"not measured: {found['pods']['why']}", *[""] * 9]]


def _shape(run: Mapping[str, Any]) -> tuple[str, int, int]:
    return run["source"], run["connectors"], run["processes"]


def speed(found: Found, source: str, connectors: int, processes: int) -> float:
    """Events/s of so many pods."""
    return float(median(each["rate"] for each in found["pods"]["runs"] if _shape(each) == (source, connectors, processes)))


def shells(found: Found) -> list[list[str]]:
    """The shell alone; medians of what was run more than once."""
    rows = [["processes", "chunks of", "µs an event", "a bare flow", "times it", "events/s", "a bare flow"]]
    for processes, chunk in _shells(found):
        (cost, rate), (least, most) = (carried(found, processes, chunk, bare=bare) for bare in (False, True))
        rows.append([f"{processes}", f"{chunk:,}", f"{cost:.2f}", f"{least:.2f}", f"{cost / least:.2f}", f"{rate:,.0f}", f"{most:,.0f}"])
    return rows


def _shells(found: Found) -> list[tuple[int, int]]:
    return list(dict.fromkeys((each["processes"], each["chunk"]) for each in found["shell"]))


def carried(found: Found, processes: int, chunk: int, *, bare: bool = False) -> tuple[float, float]:
    """µs of processor time an event of the shell alone or of the bare flow, and events/s."""
    same = [each for each in found["shell"] if (each["processes"], each["chunk"], each["bare"]) == (processes, chunk, bare)]
    return median(each["cpu"] / each["events"] * 1e6 for each in same), median(each["events"] / each["seconds"] for each in same)


def grown(found: Found) -> list[list[str]]:
    """How the cost of a million events grows."""
    every = [reference(found) | {"what": "all events, 8 partitions"}, *found["growth"]]
    rows = [["what", "CPU-s per million, after the start", "with start", "memory, MB"]]
    rows += [[row["what"], f"{row['after_start']:.2f}", f"{row['whole']:.2f}", f"{row['memory'] / 1e6:,.0f}"] for row in every]
    return rows


def latencies(found: Found) -> list[list[str]]:
    """Percentiles and cost by rate."""
    rows = [["events/s", "p50, s", "p95, s", "p99, s", "most, s", "CPU-s a second", "idle, CPU-s a second", "memory, MB"]]
    for one in found["latency"]:
        took = one["percentiles"]
        rows.append(
            [
                f"{one['rate']:,}",
                *(f"{took[point]:.2f}" for point in ("50", "95", "99", "100")),
                f"{one['cpu']:.3f}",
                f"{one['idle']:.3f}",
                f"{one['memory'] / 1e6:,.0f}",
            ]
        )
    return rows


def outages(found: Found) -> list[list[str]]:
    """The outage in figures."""
    one = found["outage"]
    before = [size for at, size in one["memory"] if at < one["down"][0]]
    return [
        ["503 for", "backlog, events", "drained in", "events/s", "memory before, MB", "at most, MB", "state folder at most, MB"],
        [
            f"{one['down'][1] - one['down'][0]:.0f} s", f"{one['backlog']:,}", f"{one['drained']:.1f} s", f"{one['rate']:,.0f}", f"{max(before) / 1e6:,.0f}",
            f"{max(size for _, size in one['memory']) / 1e6:,.0f}", f"{max(size for _, size in one['store']) / 1e6:,.0f}",
        ],
    ]  # fmt: skip


def known(found: Found) -> list[list[str]]:
    """What known ids cost."""
    rows = [["known ids", "B an id", "ns an insert", "start to first delivery, s", "start, CPU-s", "memory, MB", "state folder, MB"]]
    tables = {one["ids"]: one for one in found["known"]["tables"]}
    for run in found["known"]["starts"]:
        near = min(tables.values(), key=lambda one: abs(one["ids"] - run["ids"])) if run["ids"] else None
        rows.append(
            [
                f"{run['ids']:,}",
                *((f"{near['size']:.1f}", f"{near['insert']:.0f}") if near else ("", "")),
                f"{run['first']:.1f}",
                f"{run['cpu']:.1f}",
                f"{run['memory'] / 1e6:,.0f}",
                f"{run['disk'] / 1e6:,.0f}",
            ]
        )
    return rows


def stages(found: Found) -> list[list[str]]:
    """Where the time of one process goes, and what the least is that can do the same."""
    one = found["profile"]
    total = sum(one["stages"].values())
    least = {PACK: GZIP, READ: CONSUME, "all": LOOP} if "race" in found else {}
    rows = [["stage", "share", "CPU-s per million", "floor"]]
    for name, cpu in [*sorted(one["stages"].items(), key=lambda pair: -pair[1]), ("all", total)]:
        floor = f"{row(found, least[name])['after_start']:.2f}" if name in least else ""
        rows.append([name, f"{cpu / total:.0%}", f"{cpu / one['events'] * 1e6:.2f}", floor])
    return rows


def asked(found: Found) -> list[list[str]]:
    """The sizing guide."""
    rows = [
        [
            "events/s",
            "uses, cores",
            "ask for, cores",
            "processes",
            "memory, GB",
            "state folder, GB",
            "copies known for",
            "requests/s to Segment",
        ]
    ]
    for one in sizing.sizes(found):
        window = "24 h" if one.window >= DAY else f"{one.window / 3600:.1f} h"
        rows.append(
            [
                f"{one.rate:,}",
                f"{one.cpu:.2f}",
                f"{one.cores:g}",
                f"{one.processes}",
                f"{one.memory / 1e9:.1f}",
                f"{max(one.store / 1e9, 0.1):.1f}",
                window,
                f"{max(one.requests, 0.1):,.1f}",
            ]
        )
    return rows


def goals(found: Found) -> list[list[str]]:
    """What it has to reach, and whether it does."""
    one = {row["source"]: row for row in found["race"] if row["group"] == "ours" and row["connectors"] == row["processes"] == 1}
    kafka, bucket, bare = one["Kafka"], one["bucket"], row(found, LOOP)["after_start"]
    two = speed(found, "Kafka", 1, 2) / speed(found, "Kafka", 1, 1) if found["pods"]["runs"] else None
    limit = f"two pods of {CORES:g} CPU each, times the events/s of one"
    at = next(each for each in found["latency"] if each["rate"] == RATE)
    ids = next(each for each in found["known"]["starts"] if each["ids"] == IDS)
    size = max(each["size"] for each in found["known"]["tables"] if each["ids"] >= IDS)
    alone = []
    for processes, chunk in _shells(found):
        cost, _ = carried(found, processes, chunk)
        count = "one process" if processes == 1 else f"{processes} processes"
        alone += [
            (f"the shell alone, {count}, chunks of {chunk:,}, µs an event", "at most", SHELL[processes], cost, ".2f"),
            ("the same, as a share of the bare loop", "at most", SHELL[processes] / BARE, cost / bare, ".2f"),
        ]
    rows: list[tuple[str, str, float, float | None, str]] = [
        ("Kafka to Segment, CPU-s per million after the start", "at most", KAFKA, kafka["after_start"], ".2f"),
        ("the same, times the bare loop", "at most", KAFKA / BARE, kafka["after_start"] / bare, ".2f"),
        ("bucket to Segment, CPU-s per million after the start", "at most", BUCKET, bucket["after_start"], ".2f"),
        ("the same, times the bare loop", "at most", BUCKET / BARE, bucket["after_start"] / bare, ".2f"),
        ("a start, CPU-s", "at most", 1.2, kafka["start"], ".2f"),
        *alone,
        (limit, "at least", TWICE, two, ".2f"),
        (f"p99 at {RATE:,} events/s, s", "at most", 2.0, at["percentiles"]["99"], ".2f"),
        ("a backlog drains, events/s", "at least", 100_000, found["outage"]["rate"], ",.0f"),
        (f"{IDS:,} known ids, start to first delivery, s", "at most", 5.0, ids["first"], ".1f"),
        (f"an id of {IDS:,} and more, B", "at most", 20.0, size, ".1f"),
    ]
    return [["what", "goal", "measured", "reached"], *(_goal(*each) for each in rows)]


def _goal(what: str, how: str, goal: float, got: float | None, form: str) -> list[str]:
    """Its row; the limit itself is within it."""
    said = f"{how} {round(goal, 2):,g}"
    if got is None:
        return [what, said, "not measured", ""]
    return [what, said, f"{got:{form}}", "yes" if (got <= goal if how == "at most" else got >= goal) else "NO"]


TABLES: Final[
    Mapping[str, tuple[tuple[str, ...], Callable[[Found], list[list[str]]]]]
] = {  # marker: the parts that it needs, and how it is made
    "race": (("race",), race),
    "goals": (("race", "pods", "shell", "latency", "outage", "known"), goals),
    "pods": (("pods",), pods),
    "shell": (("shell",), shells),
    "growth": (("race", "growth"), grown),
    "latency": (("latency",), latencies),
    "outage": (("outage",), outages),
    "known": (("known",), known),
    "stages": (("profile",), stages),
    "sizing": (("race", "latency", "outage", "known"), asked),
}
