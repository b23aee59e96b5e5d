"""`demo`: the main job with a simulated Braze and a simulated Segment."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Option(help="Where everything is kept; emptied at the start if it is a demo's.")] = Path(".demo"),
    events: Annotated[int, typer.Option(min=1000, max=10_000_000, help="Events that Braze exports, about.")] = 100_000,
    brokers: Annotated[
        str,
        typer.Option(
            help="Go through Kafka: HOST:PORT,… of brokers that need no password. Two topics are made there, and deleted at the end."
        ),
    ] = "",
) -> None:
    """Watch the main job: from Avro files of every event type to a double of Segment that misbehaves, and the proof that all arrived.

    Two workspaces, three connectors, one of them down for a while. It uses this machine only.

    Example: currents-segment demo --events 20000
    """
    import signal  # noqa: PLC0415 - as below
    import sys  # noqa: PLC0415

    from currents_segment.flows.demo import Demo  # noqa: PLC0415 - keeps --help quick

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # its processes end with it
    Demo(folder, events, typer.echo, brokers).run()
