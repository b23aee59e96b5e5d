"""A status document in words: how a connector is, since when, why, and what happens next. Everything is told as of the document's own time."""

from datetime import UTC, datetime
from typing import Final

from rich.filesize import decimal

from currents_segment.codecs.outcome import KEPT, Outcome
from currents_segment.flows.status import Connector, Status

SHOWN: Final = 5  # names unknown to the catalogue that are worth a line; /status has all
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """Its two largest units, cut and not rounded: `2 h 3 min`. Less than a second is `0 s`, and there are no negative durations."""
    left = max(0, int(seconds))
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"


def moment(at: float) -> str:
    """A time, UTC, to the second."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%SZ}"


def headline(document: Status) -> str:
    """What runs: version, phase, how many processes, for how long."""
    process = document["process"]
    count = f", {process['of']} processes" if process["of"] > 1 else ""
    return (
        f"currents-segment {document['version']}: {document['phase']}{count}, started {duration(document['at'] - process['started'])} ago"
    )


def health(connector: Connector, at: float) -> str:
    """One sentence on the way to Segment: since when it fails, why, and when the first event will be lost."""
    words = str(connector["health"])
    if (since := connector["failing_since"]) is not None and connector["health"] != "working":
        words += f" for {duration(at - since)} (since {moment(since)})"
    if (until := connector["wait_until"]) is not None:
        words += f", {'next attempt' if connector['health'] != 'waiting' else 'until'} {moment(until)}"
    if connector["why"] is not None and connector["health"] != "working":
        words += f": {connector['why']}"
    if connector["health"] == "working" and (ok := connector["last_ok"]) is not None:
        words += f", last accepted {duration(at - ok)} ago"
    if (loss := connector["time_to_loss"]) is not None and connector["health"] not in {"working", "idle"}:
        when = f"in {duration(loss)} (at {moment(at + loss)})" if loss > 0 else "now"
        words += f"; the first event expires {when} unless it recovers"
    return words


def losses(connector: Connector) -> str:
    """How many events are lost by when if it does not recover; empty when that is none that are known."""
    parts: list[str] = []
    before = ""
    for loss in connector.get("losses", []):
        count = f"{loss['events']:,} events"
        if loss["unread"]:
            count = f"about {loss['events'] + loss['unread']:,} events"
        elif loss["objects"]:
            count += f" and {loss['objects']:,} unread objects ({decimal(loss['bytes'])})"
        if count != before and (loss["events"] or loss["objects"]):
            parts.append(f"{count} within {duration(loss['within'])}")
        before = count
    return ", ".join(parts)


def lag(connector: Connector, at: float) -> str:
    """One sentence on the log: what is still to be read, how fresh that knowledge is, and what was lost."""
    known = connector["lag"]
    words = "not listed yet"
    if known["listed_at"] is not None:
        words = f"all read, listed {duration(at - known['listed_at'])} ago"
        objects = [f"{known['objects']:,} objects ({decimal(known['bytes'])})"] if known["objects"] else []
        if waiting := objects + ([f"{known['messages']:,} messages"] if known["messages"] else []):
            words = f"{' and '.join(waiting)} to read"
            words += f", the oldest came {duration(at - known['oldest'])} ago" if known["oldest"] is not None else ""
    if known["lost"]:
        words += f"; {known['lost']:,} messages LOST, deleted before they were read"
    return f"{words}; the log CANNOT BE READ: {known['error']}" if known["error"] is not None else words


def report(document: Status) -> str:
    """Every connector's health, log, dead letters and unknown names, a block each."""
    return "\n\n".join("\n".join(_block(name, connector, document["at"])) for name, connector in document["connectors"].items())


def dedup(document: Status) -> str:
    """One sentence on the memory of ids, loud when the cap cuts the window."""
    known = document["dedup"]
    words = f"deduplication: {known['ids']:,} ids, window {duration(known['window'])}"
    if known["effective_window"] < known["window"]:
        words += f", CUT to {duration(known['effective_window'])} by dedup.max_ids: older duplicates pass"
    return words


def kept(connector: Connector) -> int:
    """Events that ended as dead letters."""
    return sum(connector["outcomes"].get(outcome.value, 0) for outcome in Outcome if outcome.state in KEPT)


def _block(name: str, connector: Connector, at: float) -> list[str]:
    lines = [f"{name} (workspace {connector['workspace']}): {health(connector, at)}", f"  log: {lag(connector, at)}"]
    if lost := losses(connector):
        lines.append(f"  lost unless it recovers: {lost}")
    if letters := kept(connector):
        pending = f", {connector['letters_pending']:,} of them not yet written" if connector["letters_pending"] else ""
        pending += f" ({connector['letters_error']}; tried again and again)" if connector["letters_error"] else ""
        lines.append(f"  dead letters: {letters:,} events{pending}; `currents-segment dead-letters list` shows them")
    if unknown := sorted(connector["unknown"].items(), key=lambda item: (-item[1], item[0])):
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        lines.append(f"  unknown to the catalogue: {', '.join(f'{what} ({count:,})' for what, count in unknown[:SHOWN])}{more}")
    if slow := connector.get("slow"):
        reasons = ", ".join(f"{why} {count:,}" for why, count in sorted(slow.items(), key=lambda item: -item[1]))
        lines.append(f"  decoded on the slow path: {sum(slow.values()):,} events ({reasons})")
    return lines
