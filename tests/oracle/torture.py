"""One torture: a schedule carried out against the real command line, and the verdict on what came of it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from tests.oracle import faults
from tests.oracle.inputs import poisoned
from tests.oracle.journal import Journal, Outage
from tests.oracle.letters import books, documents
from tests.oracle.runs import wait
from tests.oracle.schedule import Round, schedule
from tests.oracle.sources import opener
from tests.oracle.truth import Json, expected
from tests.oracle.verdict import Verdict, judge, seen
from tests.oracle.world import EXPIRY, HOUR, World

LAST: Final = 180.0  # s for the last run to get to the end of everything
ROLLING: Final = 60.0  # s in which an event expires after its time
FEW: Final = 4.0  # s: a wait for something that need not come

Tell = Callable[[str], None]


def torture(home: Path, seed: int, *, rounds: int, processes: int | None, source: str, tell: Tell) -> tuple[Verdict, Journal]:
    """Carry out the schedule of a seed in a folder of its own."""
    open_source = opener(source)
    random = Random(seed)
    world = World(home, Random(random.random()), open_source)
    try:
        disks = [name for name, place in (("letters", world.kept), ("state", world.state)) if not place.why_not]
        if not disks:
            tell(f"seed {seed}: no full disks: this machine does not let us mount a file system ({world.state.why_not})")
        plan = list(schedule(Random(random.random()), rounds, processes=processes, source=world.source, disks=disks))
        chance = Random(random.random())
        for number, one in enumerate(plan, start=1):
            tell(f"seed {seed} round {number}/{rounds}: {one}")
            play(world, one, chance)
        last = processes or chance.randint(1, 3)
        world.finish(last, LAST)
        return verdict(world, last), world.journal
    finally:
        world.close()


def play(world: World, one: Round, random: Random) -> None:
    """One round."""
    for act in one.before:
        _do(world, act)
    _bring(world, random)
    world.configure({name: world.way(way) for name, way in one.ways.items()})
    if one.outage:
        world.steps(0.0)  # time is to pass by jumps, and nothing else
    unreachable = [Outage(name, world.now()) for name in one.ways]
    world.journal.outages += unreachable
    for way in one.ways.values():
        world.journal.count(f"endpoint: {way}")
    world.runs.start(one.processes)
    if one.outage:
        outlast(world, one, random)
    if not one.early:
        world.runs.started()
    for pause, act in one.acts:
        time.sleep(pause)
        if world.runs.last.running():
            _do(world, act)
    wanted = world.double.answers().total() + one.requests
    wait(lambda: world.double.answers().total() >= wanted or not world.runs.last.running(), FEW)
    faults.end(world, one.ending, random)
    for outage in unreachable:
        outage.ended = world.now()
    world.met()
    world.source.mend()


def _bring(world: World, random: Random) -> None:
    """Something to begin with; every other time with an event that the endpoint will refuse."""
    for workspace in world.inputs:
        world.put(workspace, size=random.randint(20, 200))
    if random.random() < 0.5:
        world.put("acme", size=30, only="Email", change=lambda lot: poisoned(lot, random))


def _do(world: World, act: faults.Act) -> None:
    if act.do(world):
        world.journal.count(act.kind)


def outlast(world: World, one: Round, random: Random) -> None:
    """One connector is down for 47 h, and loses nothing; or for more than 48 h, and what its time is over for expires within a minute. Once it is killed meanwhile."""
    world.poison(one.down, refused=False)  # an endpoint that refuses an event is not down
    fault = world.double.fault(do="status", status=503, source=one.down)
    outage = Outage(one.down, world.now())
    world.journal.outages.append(outage)
    world.put(next(each.workspace for each in world.connectors if each.name == one.down), size=200)
    tried = _tried(world, one.down)
    _caught_up(world, one)
    if random.random() < 0.5 and world.runs.epochs():  # a failure that no commit knows of begins anew
        world.passes(outage.begun + 20 * HOUR)
        faults.end(world, "kill all", random)
        world.runs.start(one.processes)
        tried = tried and _tried(world, one.down)
        _caught_up(world, one)
    world.passes(outage.begun + (47 * HOUR if one.outage == "47 h" else EXPIRY + 120))
    if one.outage == "49 h" and tried:
        outage.jumped = world.now()
        if not wait(lambda: not due(world, outage), ROLLING, every=0.5):
            world.journal.late += len(due(world, outage))
            said = [(document["at"], document["process"], document["connectors"][one.down]) for document in documents(world.state.path)]
            (world.home / f"late-{len(world.journal.lives)}.json").write_text(json.dumps([outage.begun, world.now(), said], indent=1))
    world.double.clear(name=fault)
    world.poison(one.down, refused=True)
    outage.ended, outage.over = world.now(), time.time()
    world.journal.count(f"outage of {one.outage}")


def _tried(world: World, connector: str) -> bool:
    """Wait until an attempt of every process has failed, or it has nothing to attempt: before, a process does not know that its connector is down."""

    def knows(document: Json, since: float) -> bool:
        return bool(document["connectors"][connector]["requests"].get("503") or _idle(document, connector, since))

    return _all(world, knows, ROLLING)


def _caught_up(world: World, one: Round) -> None:
    """Wait until those that nothing holds up have nothing left: for what they still held of a failure that is over, the failure would last as long as time jumps."""
    others = [each.name for each in world.connectors if each.name != one.down and each.name not in one.ways]
    if not _all(world, lambda document, since: all(_idle(document, name, since) for name in others), LAST):
        world.runs.complain(f"not all of {others} caught up within {LAST:g} s, though nothing holds them up")


def _idle(document: Json, connector: str, since: float) -> bool:
    """A process has nothing of a connector, neither held nor to be read, of what had come by then."""
    one = document["connectors"][connector]
    left = one["lag"]["objects"] or one["lag"]["messages"] or one["in_transit"] or one["in_flight"]
    return bool(not left and (one["lag"]["listed_at"] or 0.0) >= since and document["phase"] == "running")


def _all(world: World, says: Callable[[Json, float], bool], within: float) -> bool:
    """Wait until the statuses of all processes say so, of the time since now."""
    since, processes = world.now(), world.journal.lives[-1].processes

    def look() -> bool:
        found = [document for document in documents(world.state.path) if document["process"]["of"] == processes and document["at"] >= since]
        return sum(says(document, since) for document in found) == processes

    return wait(look, within)


def due(world: World, outage: Outage) -> set[str]:
    """Events that should have expired in an outage by now, and are neither delivered nor letters."""
    connector = next(each for each in world.connectors if each.name == outage.connector)
    told = {message for request in world.double.requests(connector.name, ids="1") if request["acknowledged"] for message in request["ids"]}
    letters = {letter.id for letter in world.letters() if letter.connector == connector.name}
    over, wanted = world.now() - EXPIRY, expected(connector, world.facts[connector.workspace])
    return {name for name, came in wanted.arrivals.items() if max(came) + wanted.spread < over} - wanted.unstamped - letters - told


def verdict(world: World, processes: int) -> Verdict:
    """What is to be said of everything that happened in a world."""
    total, letters, ledgers = Verdict(), world.letters(), books(world.state.path, processes)
    for connector in world.connectors:
        what = seen(world.double, letters, ledgers, connector.name)
        total += judge(connector, expected(connector, world.facts[connector.workspace]), what, world.journal)
    known = {connector.name for connector in world.connectors}
    for letter in letters:
        if letter.connector not in known:
            total.wrong("spurious", f"a letter of {letter.connector}")
    if world.journal.unbalanced:
        total.wrong("unbalanced", "ledgers on the way", world.journal.unbalanced)
    if world.journal.late:
        total.wrong("expired_late", "events had not expired a minute after their time", world.journal.late)
    return total
