"""A flame graph as SVG: a stack's frames above one another, as wide as their samples are many, coloured by stage. The pointer shows a frame's name and share."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

from tests.bench.stages import STAGES, Stack, stage

WIDTH: Final = 1200
ROW: Final = 17
LEAST: Final = 1.0  # narrower frames are left out
LETTER: Final = 6.4
STYLE: Final = """
    text { font: 11px system-ui, sans-serif; fill: #1f2933; }
    .t { font-size: 16px; font-weight: 600; }
    @media (prefers-color-scheme: dark) { text { fill: #e4e8ec; } }
    .in { fill: #14191e; }
  """
HUES: Final = dict(zip(STAGES, (0, 285, 205, 150, 45, 25, 330, 95, 250, 180, 0), strict=True))


@dataclass(slots=True)
class Frame:
    """One frame and what it called."""

    name: str
    count: int = 0
    stages: dict[str, int] = field(default_factory=dict)
    calls: dict[str, "Frame"] = field(default_factory=dict)


def tree(stacks: Iterable[Stack]) -> Frame:
    """All samples as one tree; frames of one function are one, whatever the line."""
    root = Frame("all threads")
    for stack in stacks:
        kind, at = stage(stack.frames), root
        for name in (stack.name, *map(_function, stack.frames)):
            at.count += stack.count
            at.stages[kind] = at.stages.get(kind, 0) + stack.count
            at = at.calls.setdefault(name, Frame(name))
        at.count += stack.count
        at.stages[kind] = at.stages.get(kind, 0) + stack.count
    return root


def _function(frame: str) -> str:
    """A frame without its line."""
    return re.sub(r":\d+\)$", ")", frame)


def draw(title: str, root: Frame) -> str:
    """The SVG."""
    deep = _depth(root, root.count)
    legend, x, y = [], 16.0, 46
    for name in sorted(root.stages, key=lambda name: -root.stages[name]):
        said = f"{name} {root.stages[name] / root.count:.0%}"
        if x + 30 + len(said) * LETTER > WIDTH:
            x, y = 16.0, y + 18
        legend.append(
            f'<rect x="{x:.0f}" y="{y - 10}" width="11" height="11" style="fill:{_colour(name)}"/><text x="{x + 15:.0f}" y="{y}">{escape(said)}</text>'
        )
        x += 30 + len(said) * LETTER
    height = y + 24 + deep * ROW
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">',
            f'  <title id="title">{escape(title)}</title>',
            f"  <style>{STYLE}</style>",
            f'  <text class="t" x="16" y="24">{escape(title)}</text>',
            *(f"  {part}" for part in legend),
            *(f"  {part}" for part in _boxes(root, 0.0, height - ROW - 8.0, WIDTH / root.count, root.count)),
            "</svg>\n",
        ]
    )


def _boxes(frame: Frame, x: float, y: float, scale: float, total: int) -> Iterator[str]:
    width = frame.count * scale
    if width < LEAST:
        return
    main = max(frame.stages, key=frame.stages.__getitem__)
    said = f"{frame.name}: {frame.count / total:.1%}"
    yield f'<g><title>{escape(said)}</title><rect x="{x:.1f}" y="{y:.0f}" width="{width - 0.5:.1f}" height="{ROW - 1}" style="fill:{_colour(main)}"/>'
    letters = int(width / LETTER) - 1
    if letters > 3:
        yield f'<text class="in" x="{x + 3:.1f}" y="{y + 12:.0f}">{escape(frame.name if len(frame.name) <= letters else frame.name[: letters - 1] + "…")}</text>'
    yield "</g>"
    for call in sorted(frame.calls.values(), key=lambda call: call.name):
        yield from _boxes(call, x, y - ROW, scale, total)
        x += call.count * scale


def _depth(frame: Frame, total: int) -> int:
    if frame.count / total * WIDTH < LEAST:
        return 0
    return 1 + max((_depth(call, total) for call in frame.calls.values()), default=0)


def _colour(name: str) -> str:
    return f"hsl({HUES[name]} {'8%' if name in STAGES[-1:] else '55%'} 68%)"
