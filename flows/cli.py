"""The command line: puts the commands together, and turns errors into one line and an exit code."""

import sys

import typer

from currents_segment.flows.commands.compare import compare
from currents_segment.flows.commands.demo import demo
from currents_segment.flows.commands.run import run
from currents_segment.flows.commands.simulate_currents import simulate_currents
from currents_segment.flows.commands.simulate_segment import simulate_segment
from currents_segment.flows.commands.status import status
from currents_segment.flows.errors import UserError

app = typer.Typer(
    name="currents-segment",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Braze Currents to Segment: every event ends in exactly one counted state, and what did not arrive can be shown, explained and sent again.",
)
app.command("run")(run)
app.command("status")(status)
app.command("compare")(compare)
app.command("demo")(demo)

simulate = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Stand-ins for both ends, to try a set-up without Braze and without Segment."
)
simulate.command("currents")(simulate_currents)
simulate.command("segment")(simulate_segment)
app.add_typer(simulate, name="simulate")


def main() -> None:
    """Run the command; a mistake of the user's is a line on stderr."""
    try:
        app()
    except UserError as error:
        print(f"currents-segment: {error}", file=sys.stderr)  # noqa: T201 - what the person at the terminal reads
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
