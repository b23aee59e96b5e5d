"""`connectors rewind`: one connector reads its log again from a time on, or leaves out what it has not read."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from currents_segment.flows.commands.dead_letters_scope import Yes, moment, plural
from currents_segment.flows.errors import FailedError, UserError

if TYPE_CHECKING:
    from currents_segment.flows.config import Config
    from currents_segment.flows.rewind import Passage, Rewind, Share, To


def connectors_rewind(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    name: Annotated[str, typer.Argument(help="The connector.", show_default=False)],
    to: Annotated[str, typer.Option(help="earliest, now, a time (2026-01-31T08:00:00Z), a day, or an age (2h).", show_default=False)],
    yes: Yes = False,
) -> None:
    """Set one connector's positions back, to send again, or forward, to leave out; without --yes, tell what that means.

    \b
    currents-segment connectors rewind segment.yaml shop-to-segment --to 2026-01-31
    currents-segment connectors rewind segment.yaml shop-to-segment --to 6h --yes
    currents-segment connectors rewind segment.yaml shop-to-segment --to now --yes

    From a bucket it reads whole hours, by the hour in the path of a file; from Kafka, by the timestamps of the messages, and the cluster must answer. What is read again is sent again, with the same messageIds: Segment drops what it has seen
    within 24 h, and takes what is older a second time. The ledger counts it as received again. Un-acked events and dead letters stay as they are, and so do
    the other connectors. While a run holds the state it is refused; in a cluster of machines it is done where process 0 has its state.

    Exit codes: 0 told, or done; 1 a source or the state cannot be read or changed; 2 a mistake in the arguments, or a run holds the state.
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.flows import lock, recovery  # noqa: PLC0415 - commands import when they run, so that --help is quick
    from currents_segment.flows.committed import DamageError, committed, mend, parts  # noqa: PLC0415
    from currents_segment.flows.config import load  # noqa: PLC0415
    from currents_segment.flows.holdings import holdings  # noqa: PLC0415
    from currents_segment.flows.rewind import carry_out, plan  # noqa: PLC0415

    now = time.time()
    target = _target(to, now)
    settings = load(config, secrets=False)
    if name not in settings.connectors:
        raise UserError(f"{name!r} is not in {config}; it has {', '.join(settings.connectors)}")
    if not parts(settings.state):
        raise UserError(
            f"{settings.state}: no recovery store: `start` of {name} says where it begins (in a cluster of machines it lies with process 0)"
        )
    try:
        with ExitStack() as stack:
            if yes:
                stack.enter_context(recovery.lock(settings.state, "stop it first: it would write its own positions over the new ones"))
                mend(settings.state)
            with committed(settings.state) as found:
                rewind = plan(settings, name, target, found=found, now=now)
                _tell(settings, rewind, target)
                stays = holdings(found).get(name)
            if yes:
                carry_out(settings.state, rewind)
    except DamageError as error:
        raise FailedError(f"{settings.state / 'recovery'}: {error}; currents-segment doctor {config} says more") from error
    except KeyboardInterrupt:
        typer.echo("interrupted; type the same again", err=True)
        raise typer.Exit(130) from None
    if stays and (stays.unacked or stays.dead):
        typer.echo(f"{plural(stays.unacked, 'event')} un-acked and {stays.dead:,} to be written as dead letters stay as they are")
    if yes:
        typer.echo(f"done: the next run reads {name} from there")
        return
    holder = lock.holder(recovery.lock_file(settings.state))
    typer.echo("nothing was changed; --yes changes it" + (f", once {holder} has ended" if holder else ""))


def _target(text: str, now: float) -> "To":
    if text == "earliest":
        return "earliest"
    if text == "now":
        return "now"
    at = moment("--to", text, now, words=("earliest", "now"))
    if at > now:
        raise UserError(f"--to: {text} lies in the future; nothing that comes until then would be sent: use now, or stop the connector")
    return at


def _tell(config: "Config", rewind: "Rewind", to: "To") -> None:
    name = rewind.connector
    typer.echo(
        f"{name} (workspace {config.connectors[name].workspace}) to {to if isinstance(to, str) else _time(to, hours=bool(config.workspaces[config.connectors[name].workspace].buckets))}"
    )
    for passage in rewind.passages:
        typer.echo(f"  source {passage.source}: {_stood(passage)}")
        for words, share in (("read and sent again", passage.again), ("still ahead", passage.ahead), ("NOT sent", passage.skipped)):
            typer.echo(f"    {words:<20} {_much(share)}")
    if any(passage.again.objects or passage.again.messages for passage in rewind.passages):
        typer.echo("Segment drops what it has seen within 24 h, by messageId; what is older arrives a second time")


def _stood(passage: "Passage") -> str:
    if passage.partitions:
        return f"stands at the offsets of {plural(passage.partitions, 'partition')}"
    if passage.stood is None:
        return "nothing read yet"
    return f"stands in {_hour(passage.stood)}" if passage.stood else "stands at the beginning"


def _hour(at: float) -> str:
    return f"the hour {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H}h"


def _time(at: float, *, hours: bool) -> str:
    return _hour(at) if hours else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _much(share: "Share") -> str:
    if share.messages:
        return plural(share.messages, "message")
    if not share.objects:
        return "nothing"
    events = "" if share.events is None else f", about {plural(share.events, 'event')}"
    return f"{plural(share.objects, 'object')}, {share.bytes / 1e6:,.2f} MB{events}"
