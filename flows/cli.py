"""The command line: puts the commands together, and turns errors into one line and an exit code."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

import typer

from currents_segment.flows.commands.catalogue import catalogue
from currents_segment.flows.commands.check import check
from currents_segment.flows.commands.compare import compare
from currents_segment.flows.commands.config import schema
from currents_segment.flows.commands.connectors import connectors_list
from currents_segment.flows.commands.connectors_rewind import connectors_rewind
from currents_segment.flows.commands.dead_letters import dead_letters_list, dead_letters_show
from currents_segment.flows.commands.dead_letters_count import dead_letters_count
from currents_segment.flows.commands.dead_letters_drop import dead_letters_drop
from currents_segment.flows.commands.dead_letters_replay import dead_letters_replay
from currents_segment.flows.commands.demo import demo
from currents_segment.flows.commands.doctor import doctor
from currents_segment.flows.commands.explain import explain
from currents_segment.flows.commands.run import run
from currents_segment.flows.commands.simulate_currents import simulate_currents
from currents_segment.flows.commands.simulate_segment import simulate_segment
from currents_segment.flows.commands.status import status
from currents_segment.flows.commands.transcode import transcode
from currents_segment.flows.errors import ConfigError, UserError

HELP = """\
Braze Currents to Segment: every event ends in exactly one counted state, and what did not arrive can be shown, explained and sent again.

\b
First steps:
  currents-segment demo                   watch it work, on this machine only
  currents-segment check CONFIG           what a first start would send
  currents-segment run CONFIG             send it, and follow
"""


def group(text: str) -> typer.Typer:
    """A set of commands."""
    return typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help=text)


app = group(HELP)
app.command("run")(run)
app.command("check")(check)
app.command("status")(status)
app.command("doctor")(doctor)

dead_letters = group("What did not reach Segment: expired, rejected and undecodable events, each with its reason.")
dead_letters.command("list")(dead_letters_list)
dead_letters.command("show")(dead_letters_show)
dead_letters.command("count")(dead_letters_count)
dead_letters.command("replay")(dead_letters_replay)
dead_letters.command("drop")(dead_letters_drop)
app.add_typer(dead_letters, name="dead-letters")

connectors = group("The connectors: where each stands in its log, and how to set one back.")
connectors.command("list")(connectors_list)
connectors.command("rewind")(connectors_rewind)
app.add_typer(connectors, name="connectors")

app.command("explain")(explain)
app.command("transcode")(transcode)
app.command("catalogue")(catalogue)

config = group("The configuration file.")
config.command("schema")(schema)
app.add_typer(config, name="config")


@config.callback()
def _config() -> None:
    """A callback makes it a group although it has one command."""


app.command("demo")(demo)
simulate = group("Stand-ins for both ends, to try a set-up without Braze and without Segment.")
simulate.command("currents")(simulate_currents)
simulate.command("segment")(simulate_segment)
app.add_typer(simulate, name="simulate")
app.command("compare")(compare)


def main() -> NoReturn:
    """Run the command; a mistake of the user's is a line on stderr.

    The process ends without taking its interpreter apart: that takes half a second of a processor after a run, which is many where twenty others want it, and a stop has a
    deadline that holds only as long as threads run.
    """
    code: str | int | None = 0
    try:
        app()
    except ConfigError as error:  # FILE:LINE first, so that editors and terminals find the place
        print(error, file=sys.stderr)  # noqa: T201 - what the person at the terminal reads
        code = error.exit_code
    except UserError as error:
        print(f"currents-segment: {error}", file=sys.stderr)  # noqa: T201 - what the person at the terminal reads
        code = error.exit_code
    except SystemExit as end:
        code = end.code
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a reader that has gone
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
