"""The results as text, as Markdown between the markers of a page, and as charts. The same results give the same bytes."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench import latency, outage
from tests.bench.chart import Bar, Line, Panel, bars, plot
from tests.bench.contenders import CONSUME, GZIP, LOOP
from tests.bench.tables import BARE, KAFKA, TABLES, Found, reference, row

PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
CHARTS: Final = "performance"  # folder beside the page


def about(found: Found) -> str:
    """With what, and on what."""
    made, on = found["made"], found["machine"]
    return (
        f"{made['events']:,} events of {made['types']} types, {made['size']:.0f} B of Avro on average, in one topic of 8 partitions and in {made['files']:,} Avro files. "
        f"{made['not_selected'] / made['events']:.1%} are of types that are not selected, {made['copies'] / made['events']:.1%} are copies; with the anonymous ones "
        f"{made['due'] / made['events']:.1%} have to reach Segment. Measured on {on['cores']} cores ({on['processor']}), {on['memory'] / 2**30:.0f} GiB, {on['system']}, "
        f"Python {on['python']}, Apache Kafka {on['kafka']} on the same machine."
    )


def speed(found: Found) -> str:
    """How fast the machine was, by what was run where the goals were set, too."""
    bare, slower = row(found, LOOP), row(found, LOOP)["after_start"] / BARE
    low, high = bare["spread"]
    consume, gzip = (row(found, one)["after_start"] for one in (CONSUME, GZIP))
    return (
        f"The bare loop takes {bare['after_start']:.2f} CPU-s per million events here ({low:.2f} to {high:.2f} in {bare['rounds']} rounds), and {BARE:g} where the goals were set: this machine takes "
        f"{slower:.2f} times as long, so that {KAFKA:g} there are {KAFKA * slower:.1f} here. Reading alone takes {consume:.2f} and gzip alone {gzip:.2f}: {consume + gzip:.2f} before anything is decoded or sent."
    )


def unequal(found: Found) -> list[str]:
    """Whose output is not what had to come."""
    runs = found.get("pods", {}).get("runs", ())
    return [
        *(one["name"] for one in found.get("race", ()) if one["equal"] is False),
        *(f"{one['processes']} pods, {one['source']}, {one['connectors']} connectors" for one in runs if not one["equal"]),
    ]


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
    said = [about(found), *([speed(found)] if "race" in found else [])]
    return "\n\n".join([*said, *(text(table(found)) for needs, table in TABLES.values() if all(need in found for need in needs))])


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
                f"{row['after_start']:.1f}, {row['after_start'] / base:.1f} times the first",
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
    """The page's generated parts are those of these results, and beside it lie the charts that were drawn, and all figures; what was not measured stays."""
    whole = page.read_text(encoding="utf-8")
    parts = {
        "about": about(found),
        **({"speed": speed(found)} if "race" in found else {}),
        **{name: markdown(table(found)) for name, (needs, table) in TABLES.items() if all(need in found for need in needs)},
    }
    for name, part in parts.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not marked.search(whole):
            raise ValueError(f"{page}: no <!-- {name} --> … <!-- /{name} -->")
        whole = marked.sub(lambda found, part=part: f"{found[1]}\n{part}\n{found[2]}", whole)  # type: ignore[misc]
    page.write_text(whole, encoding="utf-8")
    beside = {file.name: file.read_text(encoding="utf-8") for file in drawn.glob("*.svg")}
    write({**beside, "results.json": json.dumps(found, indent=1) + "\n"}, page.with_name(CHARTS))


def write(files: Mapping[str, str], folder: Path) -> None:
    """Files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
