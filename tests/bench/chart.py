"""Charts as SVG, by hand: bars, and lines over panels with one axis. Readable in light and dark; with title, units and labels; the same values give the same bytes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final

WIDTH: Final = 860
LEFT: Final = 76  # of a plot, for the numbers of its axis
RIGHT: Final = 24
PANEL: Final = 150  # height of one panel's plot
LETTER: Final = 6.6  # a letter of the small font, on average
WIDE: Final = 7.4  # of the usual one
STYLE: Final = """
    text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; }
    .title { font-size: 16px; font-weight: 600; }
    .small { font-size: 11.5px; fill: #5b6773; }
    .end { text-anchor: end; }
    .mid { text-anchor: middle; }
    .grid { stroke: #d5dbe1; stroke-width: 1; }
    .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
    .a { stroke: #2f7d5b; } .b { stroke: #b0713f; } .c { stroke: #3d6fb4; } .d { stroke: #8a4f9e; }
    .fa { fill: #2f7d5b; } .fb { fill: #b0713f; } .fc { fill: #8492a0; } .fd { fill: #3d6fb4; }
    .band { fill: #b0713f; opacity: 0.14; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e4e8ec; }
      .small { fill: #a3afba; }
      .grid { stroke: #3a444e; }
      .a { stroke: #63b58f; } .b { stroke: #dd9a62; } .c { stroke: #7aa7e6; } .d { stroke: #c08fd3; }
      .fa { fill: #63b58f; } .fb { fill: #dd9a62; } .fc { fill: #75838f; } .fd { fill: #7aa7e6; }
      .band { fill: #dd9a62; opacity: 0.2; }
    }"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: left of it.
        value: its length.
        said: right of it.
        kind: `a`, `b`, `c` or `d`: its colour.
    """

    label: str
    value: float
    said: str
    kind: str = "a"


@dataclass(frozen=True, slots=True)
class Line:
    """Points joined, in order of x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot of some lines; its own axis upwards, in this unit."""

    unit: str
    lines: Sequence[Line]


def bars(title: str, unit: str, every: Sequence[Bar]) -> str:
    """Horizontal bars from zero, one scale."""
    left = 20 + max(len(bar.label) for bar in every) * WIDE
    room = WIDTH - left - max(len(bar.said) for bar in every) * WIDE - RIGHT
    most = max(bar.value for bar in every) or 1.0
    parts, y = [], 62
    for bar in every:
        long = max(1.0, bar.value / most * room)
        parts += [
            f'<text class="end" x="{left - 8:.0f}" y="{y + 13}">{escape(bar.label)}</text>',
            f'<rect class="f{bar.kind}" x="{left:.0f}" y="{y}" width="{long:.1f}" height="18" rx="2"/>',
            f'<text x="{left + long + 7:.1f}" y="{y + 13}">{escape(bar.said)}</text>',
        ]
        y += 25
    return _svg(title, unit, y + 6, parts)


def plot(
    title: str, panels: Sequence[Panel], across: str, marks: Sequence[tuple[float, str]] = (), band: tuple[float, float, str] | None = None
) -> str:
    """Panels under one another over the same axis.

    Args:
        title: of all.
        panels: from top to bottom.
        across: what the axis shows, with its unit.
        marks: where to label that axis; by default at round numbers.
        band: from, to and name of a stretch to be seen.
    """
    every = [x for panel in panels for line in panel.lines for x, _ in line.points]
    low, high = min(every), max(every)
    width = WIDTH - LEFT - RIGHT

    def across_at(x: float) -> float:
        return LEFT + (x - low) / ((high - low) or 1.0) * width

    parts: list[str] = []
    y = 58
    bottom = y + len(panels) * (PANEL + 40) - 40
    if band:
        begin, end = across_at(band[0]), across_at(band[1])
        parts.append(f'<rect class="band" x="{begin:.1f}" y="{y}" width="{end - begin:.1f}" height="{bottom - y}"/>')
        parts.append(f'<text class="small mid" x="{(begin + end) / 2:.1f}" y="{y + 14}">{escape(band[2])}</text>')
    for panel in panels:
        parts += _panel(panel, y, across_at)
        y += PANEL + 40
    for x, label in marks or [(x, f"{x:,.12g}") for x in ticks(low, high, 8) if low <= x <= high]:
        parts.append(f'<text class="small mid" x="{across_at(x):.1f}" y="{bottom + 18}">{escape(label)}</text>')
    parts.append(f'<text class="small mid" x="{LEFT + width / 2:.0f}" y="{bottom + 36}">{escape(across)}</text>')
    return _svg(title, "", bottom + 48, parts)


def _panel(panel: Panel, top: int, across_at: Callable[[float], float]) -> Iterator[str]:
    steps = ticks(0.0, max(y for line in panel.lines for _, y in line.points), 4)

    def up(y: float) -> float:
        return top + PANEL - y / steps[-1] * PANEL

    x = float(LEFT)
    yield f'<text class="small" x="{x:.0f}" y="{top - 8}">{escape(panel.unit)}</text>'
    x += len(panel.unit) * LETTER + 20
    for line, kind in zip(panel.lines, "abcd", strict=False):
        if line.name:
            yield f'<path class="line {kind}" d="M{x:.0f} {top - 12}h18"/><text class="small" x="{x + 23:.0f}" y="{top - 8}">{escape(line.name)}</text>'
            x += 40 + len(line.name) * LETTER
    for step in steps:
        yield f'<path class="grid" d="M{LEFT} {up(step):.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="small end" x="{LEFT - 8}" y="{up(step) + 4:.1f}">{step:,.12g}</text>'
    for line, kind in zip(panel.lines, "abcd", strict=False):
        yield f'<path class="line {kind}" d="M{"L".join(f"{across_at(x):.1f} {up(y):.1f}" for x, y in line.points)}"/>'


def ticks(low: float, high: float, count: int) -> list[float]:
    """About so many round numbers that hold both."""
    high = high if high > low else low + 1.0
    rough = (high - low) / count
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [round(number * step, 10) for number in range(floor(low / step), ceil(high / step) + 1)]


def _svg(title: str, unit: str, height: int, parts: Sequence[str]) -> str:
    under = [f'<text class="small" x="16" y="46">{escape(unit)}</text>'] if unit else []
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">',
            f'  <title id="title">{escape(title)}</title>',
            f"  <style>{STYLE}\n  </style>",
            f'  <text class="title" x="16" y="26">{escape(title)}</text>',
            *(f"  {part}" for part in (*under, *parts)),
            "</svg>\n",
        ]
    )
