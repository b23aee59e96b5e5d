"""The table that a terminal shows while events flow: a line a connector, drawn anew four times a second. Elsewhere it draws nothing."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from currents_segment.codecs.outcome import Outcome, State
from currents_segment.flows.status import Connector, Health, Status, base, imbalance
from currents_segment.flows.telemetry import words

PER_SECOND: Final = 4  # drawings: the eye wants no more, and each asks for a document
OVER: Final = 5.0  # s: the rate is the mean over so long
COLOURS: Final[dict[Health, str]] = {"idle": "dim", "working": "green", "waiting": "yellow", "failing": "red", "held": "bold red"}


class Progress:
    """Draws between `start` and `stop` from a thread of its own; log lines appear above the table.

    Args:
        document: makes the status document, or None while there is none yet; called in that thread.
        console: where to draw; nothing is drawn when it is no terminal.
        clock: seconds, monotonic; for the rates.
    """

    def __init__(self, document: Callable[[], Status | None], *, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._document = document
        self._console = console
        self._clock = clock
        self._seen: deque[tuple[float, dict[str, int]]] = deque()
        self._live: Live | None = None

    def start(self) -> None:
        """Begin to draw."""
        if not self._console.is_terminal or self._live is not None:
            return
        self._live = Live(get_renderable=self.render, console=self._console, refresh_per_second=PER_SECOND, transient=True)
        self._live.start()
        self._console.show_cursor(show=True)  # rich hides it, and a process that is killed would leave the terminal without one

    def stop(self) -> None:
        """Take the table away: the ledger that follows says what became of everything. May be called twice, and without `start`."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def render(self) -> RenderableType:
        """The table as of now, as wide as the console allows; a document that cannot be made is shown as such, and the run goes on."""
        try:
            document = self._document()
        except Exception as error:  # noqa: BLE001 - a bug in the table's data must not end the run; it is shown
            return Text(f"no status: {type(error).__name__}: {error}", style="red")
        if document is None:
            return Text("starting …", style="dim")
        rates = self._rates(document)
        lines = [Line(name, connector, rates.get(name, 0.0), document["at"]) for name, connector in document["connectors"].items()]
        tables = (
            _table(words.headline(document), lines, [column for column in COLUMNS if level in column.levels]) for level in reversed(LEVELS)
        )
        room = self._console.options.update(width=10_000)  # more than any table: what it would take, not what there is
        fitting = (table for table in tables if self._console.measure(table, options=room).maximum <= self._console.width)
        return next(fitting, _narrowest(document, lines))

    def _rates(self, document: Status) -> dict[str, float]:
        """Events received a second by connector, the mean over the last `OVER` seconds."""
        now = self._clock()
        counts = {name: connector["received"] - base(connector)["received"] for name, connector in document["connectors"].items()}
        self._seen.append((now, counts))
        while len(self._seen) > 2 and now - self._seen[1][0] >= OVER:  # noqa: PLR2004 - the two that span the time
            self._seen.popleft()
        before, first = self._seen[0]
        return {name: (count - first.get(name, 0)) / (now - before) for name, count in counts.items()} if now > before else {}


@dataclass(frozen=True, slots=True)
class Line:
    """What a line is made of: a connector, its rate in events a second, and the time of the document."""

    name: str
    connector: Connector
    rate: float
    at: float

    def ended(self, *states: State) -> int:
        """Events that ended in one of these states."""
        return sum(self.connector["outcomes"].get(outcome.value, 0) for outcome in Outcome if outcome.state in states)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and the levels of detail that have it."""

    name: str
    cell: Callable[[Line], Text]
    levels: range
    justify: Literal["left", "right"] = "right"


def _table(title: str, lines: Sequence[Line], columns: Sequence[Column]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.name, justify=column.justify, no_wrap=True, overflow="ellipsis")
    for line in lines:
        table.add_row(*(column.cell(line) for column in columns))
    return table


def _narrowest(document: Status, lines: Sequence[Line]) -> RenderableType:
    """No table: whole numbers on lines that fold, since a number that is cut is a wrong number."""
    delivered = ((line.name, f" {line.ended(State.DELIVERED):,} delivered, ", _health(line), "\n") for line in lines)
    return Text.assemble(words.headline(document), "\n", *(part for line in delivered for part in line))


def _count(value: int, style: str = "") -> Text:
    return Text(f"{value:,}", style=style if value else "dim")


def _state(*states: State, style: str = "") -> Callable[[Line], Text]:
    return lambda line: _count(line.ended(*states), style)


def _lag(line: Line) -> Text:
    lag = line.connector["lag"]
    if lag["error"] is not None:
        return Text("unreadable", style="red")
    if lag["listed_at"] is None:
        return Text("?", style="dim")
    oldest = f", {words.duration(line.at - lag['oldest'])}" if lag["oldest"] is not None else ""
    waiting = [f"{count:,} {unit}" for count, unit in ((lag["objects"], "obj"), (lag["messages"], "msg")) if count]
    if not waiting and (coming := line.connector.get("in_transit", 0)):
        return Text(f"{coming:,} read")
    return Text(f"{' + '.join(waiting)}{oldest}") if waiting else Text("none", style="dim")


def _health(line: Line) -> Text:
    """Health with its reason, since when and until when nothing is lost; a ledger that does not add up goes before everything."""
    connector = line.connector
    if missing := imbalance(connector):
        return Text(f"LEDGER OFF BY {missing:,}", style="bold white on red")
    parts = [str(connector["health"])]
    if connector["health"] not in {"idle", "working"}:
        parts += [connector["why"]] if connector["why"] else []
        parts += [words.duration(line.at - connector["failing_since"])] if connector["failing_since"] is not None else []
        parts += [f"loss in {words.duration(connector['time_to_loss'])}"] if connector["time_to_loss"] is not None else []
    return Text(", ".join(parts), style=COLOURS[connector["health"]])


LEVELS: Final = range(4)  # of detail; the finest that fits the terminal is drawn
FULL, EVERY = range(3, 4), range(4)
COLUMNS: Final = (
    Column("connector", lambda line: Text(line.name), EVERY, "left"),
    Column("received", lambda line: _count(line.connector["received"]), range(1, 4)),
    Column("/s", lambda line: _count(round(line.rate)), range(1, 4)),
    Column("delivered", _state(State.DELIVERED, style="green"), EVERY),
    Column("duplicate", _state(State.DUPLICATE), FULL),
    Column("filtered", _state(State.FILTERED), FULL),
    Column("rejected", _state(State.REJECTED, style="yellow"), FULL),
    Column("undecodable", _state(State.UNDECODABLE, style="yellow"), FULL),
    Column("expired", _state(State.EXPIRED, style="red"), FULL),
    Column("other", _state(*(state for state in State if state is not State.DELIVERED)), range(2, 3)),
    Column("in flight", lambda line: _count(line.connector["in_flight"]), range(1, 4)),
    Column("lag", _lag, range(2, 4)),
    Column("health", _health, EVERY, "left"),
)
