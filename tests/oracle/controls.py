"""A schedule on which every guard of the pipeline is needed, whatever the machine's mood: the same for the pipeline as it is and for one without a guard."""

import os
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Final

from tests.oracle.journal import Outage
from tests.oracle.runs import wait
from tests.oracle.sources import Open
from tests.oracle.torture import due, verdict
from tests.oracle.truth import Connector, expected
from tests.oracle.verdict import Verdict
from tests.oracle.world import HOUR, World

EVERYTHING: Final = {"events": ["*"], "anonymous_users": True}
STEADY, DOWN, BACK, REFUSER = (Connector(name, "acme", EVERYTHING) for name in ("steady", "down", "back", "refuser"))
EVENTS: Final = 1_200  # of one file or partition: more than one chunk, and more than a connector that fails may hold here
SABOTAGE: Final = Path(__file__).parent / "sabotage"


def sabotaged(guard: str) -> Mapping[str, str]:
    """The environment of processes without this guard; of whole ones for an empty name. In all of them a connector that fails may hold little."""
    path = os.environ.get("PYTHONPATH")
    return {"SABOTAGE": guard, "PYTHONPATH": f"{SABOTAGE}{os.pathsep}{path}" if path else str(SABOTAGE)}


def trap(
    home: Path, seed: int, env: Mapping[str, str], open_source: Open, *, crash_while_expiring: bool, patience: float
) -> tuple[Verdict, list[str]]:
    """The verdict on three runs, and what else was not as it should be.

    1. One connector works, one is down, one is refused everything, and dead letters cannot be written. SIGKILL.
    2. Two days later: copies come, letters can be written, the one that is down still is, and its events expire; also those of one that, at the
       first sign of it, comes back, while the run gets a SIGKILL.
    3. To the end.
    """
    random = Random(seed)
    connectors = [STEADY, DOWN, REFUSER, *([BACK] if crash_while_expiring else [])]
    world = World(home, random, open_source, connectors=connectors, env=env)
    try:
        faults = {name: world.double.fault(do="status", status=503, source=name, name=f"503 {name}") for name in ("down", "back")}
        world.double.fault(do="status", status=501, source="refuser", name="501")
        outages = [Outage(name, world.now()) for name in ("down", "back")]
        world.journal.outages += outages
        world.put("acme", size=EVENTS, only="Push Notification")
        if "aborted" in world.source.damages:
            world.put("acme", size=EVENTS // 10, what="aborted")
        (world.kept.path / "letters").write_text("a file where a folder must be")
        world.configure({})
        world.runs.start(1)
        wanted = len(expected(STEADY, world.facts["acme"]).due)
        if not wait(lambda: world.double.kept("steady") >= wanted and _refused(world) and world.double.answers("down")["503"]):
            world.runs.complain("it did not get to where it should be killed")
        world.runs.epochs()
        world.runs.kill("all", random)

        (world.kept.path / "letters").unlink()
        world.double.clear(name="501")
        world.put("acme", size=EVENTS // 10, what="copies")
        world.passes(world.now() + 49 * HOUR)
        outages[0].jumped = world.now()
        if crash_while_expiring:
            world.epoch = "2s"  # from a decision to its commit: enough to crash between
            world.configure({})
            world.runs.start(1)
            wait(lambda: any(world.kept.path.glob("letters/connector=back/*/*.gz")), patience, every=0.005)
            world.runs.kill("all", random)
            world.double.clear(name=faults["back"])
            outages[1].ended = world.now()
            world.epoch = "200ms"
            world.configure({})

        world.runs.start(1, "--once")
        if not wait(lambda: not world.runs.last.running(), patience):
            world.journal.late += len(due(world, outages[0]))
            world.runs.last.kill()
        elif world.runs.ended() and "ledger does not add up" not in world.runs.last.text():  # that, the pipeline sees by itself
            world.runs.complain("it ended early")
        return verdict(world, 1), world.journal.complaints
    finally:
        world.close()


def _refused(world: World) -> bool:
    return world.double.answers("refuser")["501"] >= 10
