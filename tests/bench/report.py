"""The results as text, as Markdown between the markers of a page, and as charts. The same results give the same bytes."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import latency, outage, sizing
from tests.bench.chart import Bar, Line, Panel, bars, plot
from tests.bench.sizing import DAY

Found = Mapping[str, Any]
PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
CHARTS: Final = "performance"  # folder beside the page


def reference(found: Found) -> dict[str, Any]:
    """The row that all others are compared with: ours from Kafka, one process, one connector."""
    ours: dict[str, Any] = found["race"][0]
    return ours


def race(found: Found) -> list[list[str]]:
    """The one table, its head first."""
    head = [
        "who",
        "CPU-s per million, after the start",
        "to ours",
        "start, CPU-s",
        "per million with start",
        "events/s",
        "memory, MB",
        "sample",
        "equal output",
    ]
    base = reference(found)["after_start"]
    return [
        head,
        *([*_figures(row, base)] for row in found["race"]),
        *([each["name"], each["why"], *[""] * 7] for each in found.get("absent", ())),
    ]


def _figures(row: Mapping[str, Any], base: float) -> Iterator[str]:
    yield row["name"]
    yield f"{row['after_start']:.2f}"
    yield f"{row['after_start'] / base:.2f}" if row["after_start"] < 10 * base else f"{row['after_start'] / base:.0f}"
    yield f"{row['start']:.2f}" if row["start"] else ""
    yield f"{row['whole']:.2f}"
    yield f"{row['rate']:,.0f}"
    yield f"{row['memory'] / 1e6:,.0f}" if row["memory"] else ""
    yield f"{row['events']:,}"
    yield {True: "yes", False: "NO", None: ""}[row["equal"]]


def grown(found: Found) -> list[list[str]]:
    """How the cost of a million events grows."""
    rows = [["what", "CPU-s per million, after the start", "with start", "memory, MB"]]
    rows += [[row["what"], f"{row['after_start']:.2f}", f"{row['whole']:.2f}", f"{row['memory'] / 1e6:,.0f}"] for row in found["growth"]]
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
    """Where the time of one process goes."""
    one = found["profile"]
    total = sum(one["stages"].values())
    rows = [["stage", "share", "CPU-s per million"]]
    for name, cpu in sorted(one["stages"].items(), key=lambda pair: -pair[1]):
        rows.append([name, f"{cpu / total:.0%}", f"{cpu / one['events'] * 1e6:.2f}"])
    return [*rows, ["all", "100%", f"{total / one['events'] * 1e6:.2f}"]]


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


TABLES: Final[
    Mapping[str, tuple[tuple[str, ...], Callable[[Found], list[list[str]]]]]
] = {  # marker: the parts that it needs, and how it is made
    "race": (("race",), race),
    "growth": (("growth",), grown),
    "latency": (("latency",), latencies),
    "outage": (("outage",), outages),
    "known": (("known",), known),
    "stages": (("profile",), stages),
    "sizing": (("race", "latency", "outage", "known"), asked),
}


def about(found: Found) -> str:
    """With what, and on what."""
    made, on = found["made"], found["machine"]
    return (
        f"{made['events']:,} events of {made['types']} types, {made['size']:.0f} B of Avro on average, in one topic of 8 partitions and in {made['files']:,} Avro files. "
        f"{made['not_selected'] / made['events']:.1%} are of types that are not selected, {made['copies'] / made['events']:.1%} are copies; with the anonymous ones "
        f"{made['due'] / made['events']:.1%} have to reach Segment. Measured on {on['cores']} cores ({on['processor']}), {on['memory'] / 2**30:.0f} GiB, {on['system']}, "
        f"Python {on['python']}, Apache Kafka {on['kafka']} on the same machine."
    )


def text(rows: Sequence[Sequence[str]]) -> str:
    """A table for a terminal: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same for a page."""
    head, *rest = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rest]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def terminal(found: Found) -> str:
    """All tables that can be made."""
    return "\n\n".join([about(found), *(text(table(found)) for needs, table in TABLES.values() if all(need in found for need in needs))])


def charts(found: Found) -> dict[str, str]:
    """SVG by file name, those that can be made."""
    made = {}
    if "race" in found:
        base = reference(found)["after_start"]
        colour = {"ours": "a", "others": "b", "floor": "c"}
        every = [
            Bar(
                row["name"],
                row["after_start"],
                f"{row['after_start']:.1f}, {row['after_start'] / base:.1f} times ours",
                colour[row["group"]],
            )
            for row in found["race"]
        ]
        made["cost.svg"] = bars("What a million events cost", "CPU-seconds of a million events, after the start; shorter is better", every)
    if "latency" in found:
        made["latency.svg"] = latency.chart([latency.Latency(**one) for one in found["latency"]])
    if "outage" in found:
        made["outage.svg"] = outage.chart(outage.Outage(**found["outage"]))
    if "known" in found:
        starts = [(one["ids"] / 1e6, one) for one in found["known"]["starts"]]
        panels = [
            Panel("start to first delivery, s", [Line("", [(ids, one["first"]) for ids, one in starts])]),
            Panel("memory, MB", [Line("", [(ids, one["memory"] / 1e6) for ids, one in starts])]),
        ]
        made["known.svg"] = plot("A start with known ids", panels, "known ids, millions")
    return made


def publish(found: Found, page: Path, drawn: Path) -> None:
    """The page's generated parts are those of these results, and the charts beside it those that were drawn; what was not measured stays."""
    whole = page.read_text(encoding="utf-8")
    parts = {
        "about": about(found),
        **{name: markdown(table(found)) for name, (needs, table) in TABLES.items() if all(need in found for need in needs)},
    }
    for name, part in parts.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not marked.search(whole):
            raise ValueError(f"{page}: no <!-- {name} --> … <!-- /{name} -->")
        whole = marked.sub(lambda found, part=part: f"{found[1]}\n{part}\n{found[2]}", whole)  # type: ignore[misc]
    page.write_text(whole, encoding="utf-8")
    write({file.name: file.read_text(encoding="utf-8") for file in drawn.glob("*.svg")}, page.with_name(CHARTS))


def write(files: Mapping[str, str], folder: Path) -> None:
    """Files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
