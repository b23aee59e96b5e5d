"""Everything that can be done to a run while it runs, or between two runs: one function a disturbance, drawn by chance, said in words."""

import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.oracle.runs import wait
from tests.oracle.world import World

FINAL: Final = (501, 505, 511, 418)
ANSWERS: Final[list[dict[str, Any]]] = [  # every row of the table of answers, and whatever else happens on the way
    {"do": "status", "status": 408},
    {"do": "status", "status": 410},
    {"do": "status", "status": 460},
    {"do": "status", "status": 500},
    {"do": "status", "status": 500, "kept": True},
    {"do": "status", "status": 502, "kept": True},
    {"do": "status", "status": 503},
    {"do": "status", "status": 504, "kept": True},
    {"do": "status", "status": 503, "retry_after": 1},
    {"do": "status", "status": 503, "retry_after": 1, "retry_after_form": "date"},
    {"do": "status", "status": 429},
    {"do": "status", "status": 429, "retry_after": 1},
    {"do": "status", "status": 429, "retry_after": 1, "retry_after_form": "date"},
    {"do": "status", "status": 429, "rate_limit_reset": 1},
    {"do": "status", "status": 400},
    {"do": "status", "status": 413},
    {"do": "status", "status": 400, "body": "Invalid write key"},
    {"do": "status", "status": 401},
    {"do": "status", "status": 403},
    {"do": "status", "status": 404},
    {"do": "status", "status": 422, "retries_above": 0},
    {"do": "status", "status": 422},
    *({"do": "status", "status": status} for status in FINAL),
    {"do": "redirect"},
    {"do": "html"},
    {"do": "html", "status": 200},
    {"do": "unsuccessful"},
    {"do": "unsuccessful", "kept": True},
    {"do": "reset"},
    {"do": "reset", "kept": True},
    {"do": "hang"},
    {"do": "hang", "kept": True},
    {"do": "truncate"},
    {"do": "truncate", "kept": True},
    {"do": "drip", "interval": 0.01},
    {"do": "drip", "interval": 0.5},
    {"do": "pass", "delay": 0.5},
    {"do": "expire_key"},
]


@dataclass(frozen=True, slots=True)
class Act:
    """One disturbance.

    Attributes:
        kind: under which it is counted.
        words: what a reader of the schedule sees.
        do: does it; says whether it took place. A fault of the endpoint counts later, if a request has met it.
    """

    kind: str
    words: str
    do: Callable[[World], bool]


def answer(random: Random, connector: str) -> Act:
    """The endpoint answers a few requests of a connector in another way than it should."""
    fault = {**random.choice(ANSWERS), "source": connector}
    fault["count"] = 1 if fault.get("status") in FINAL or fault["do"] in {"hang", "expire_key"} else random.randint(1, 3)
    if random.random() < 0.5:
        fault["probability"] = 0.5
    name = " ".join(
        f"{value}" if key in {"do", "status"} else key for key, value in fault.items() if key not in {"source", "count", "probability"}
    )
    kind = f"answer: {name.removeprefix('status ')}"

    def do(world: World) -> bool:
        world.scripted(kind, fault)
        return False

    return Act(kind, f"{kind} x{fault['count']} to {connector}", do)


def rotation(_random: Random, connector: str) -> Act:
    """The write key is replaced."""

    def do(world: World) -> bool:
        world.rotate(connector)
        return True

    return Act("key rotated", f"new key for {connector}", do)


def frozen_process(random: Random, _connector: str) -> Act:
    """A process stands still."""
    which, seconds = random.random(), random.uniform(0.2, 1.5)

    def do(world: World) -> bool:
        pids = world.runs.last.children() or [world.runs.last.process.pid]
        world.runs.freeze(pids[int(which * len(pids))], seconds)
        return True

    return Act("SIGSTOP of a process", f"a process stands still for {seconds:.1f} s", do)


def frozen_endpoint(random: Random, _connector: str) -> Act:
    """The endpoint stands still: connections are made, nothing is answered."""
    seconds = random.uniform(0.2, 1.5)

    def do(world: World) -> bool:
        world.runs.freeze(world.double.pid, seconds)
        return True

    return Act("SIGSTOP of the endpoint", f"the endpoint stands still for {seconds:.1f} s", do)


def stepped_clock(random: Random, _connector: str) -> Act:
    """The wall clock steps, back or forth, by minutes; the next step is counted from where it should be."""
    step = random.choice((-1, 1)) * random.uniform(30, 600)

    def do(world: World) -> bool:
        world.steps(step)
        return True

    return Act("clock stepped", f"the clock is {step:+.0f} s off", do)


def full_letters(random: Random, _connector: str) -> Act:
    """The disk of the dead letters is full for a while."""
    seconds = random.uniform(0.3, 2.0)

    def do(world: World) -> bool:
        world.kept.fill()
        time.sleep(seconds)
        world.kept.free()
        return True

    return Act("full disk: dead letters", f"the disk of the dead letters is full for {seconds:.1f} s", do)


def full_state(_random: Random, _connector: str) -> Act:
    """The disk of the recovery store is full: the run says so and ends, or goes on where it was not met; room is made after two seconds."""

    def do(world: World) -> bool:
        begin = time.time()
        world.state.fill()
        if wait(lambda: not world.runs.last.running(), 2.0):
            world.journal.lives[-1].ending = begin
        world.state.free()
        return True

    return Act("full disk: recovery store", "the disk of the recovery store is full", do)


def second_run(_random: Random, _connector: str) -> Act:
    """Another run on the same state is refused, and does not disturb the first."""

    def do(world: World) -> bool:
        if not world.runs.last.running():
            return False
        world.runs.refuses("in use by process", code=2)
        return True

    return Act("store locked by another run", "a second run on the same state", do)


def disturbed_source(random: Random, _connector: str, *, what: str) -> Act:
    """Something happens to where events come from; see the source for what can."""
    chance = random.random()

    def do(world: World) -> bool:
        return world.source.disturb(what, chance)

    return Act(what, what, do)


def inputs(random: Random, _connector: str, *, damages: tuple[str, ...]) -> Act:
    """More comes into the log: new, again, late or damaged."""
    what = random.choice(("new", "new", "copies", "copies", "late", *damages))
    size, workspace = random.randint(1, 60), random.choice(("acme", "beta"))

    def do(world: World) -> bool:
        late = 5 * 3600.0 if what == "late" else 0.0
        return world.put(workspace, size=size, what="new" if what == "late" else what, late=late) and what != "new"

    kind = {"copies": "input: copies", "late": "input: late"}.get(what, f"input: damaged ({what})")
    return Act(kind, f"{what} events for {workspace}", do)


DURING: Final[tuple[tuple[int, Callable[[Random, str], Act]], ...]] = (
    (12, answer),
    (1, rotation),
    (1, frozen_process),
    (1, frozen_endpoint),
    (1, stepped_clock),
    (1, full_letters),
)
"""Weight and maker of what may happen while a run runs, inputs apart."""


# ---- between two runs: what may be wrong with the recovery store


def broken_store(how: str) -> Act:
    """The store is `damaged`, in `part` missing, `newer` than the program: a run refuses it with the documented words, and goes on when it is restored."""
    words, spoil = {"damaged": ("damaged", _damage), "part": ("files are there", _lose), "newer": ("version 99", _newer)}[how]

    def do(world: World) -> bool:
        store = world.state.path / "recovery"
        if world.runs.front() <= (0, 1):  # nothing is committed, so nothing would be missed
            return False
        saved = {file: file.read_bytes() for file in world.state.path.rglob("*") if file.is_file()}
        spoil(store)
        world.runs.refuses(words, code=None)
        for file in world.state.path.rglob("*"):
            if file.is_file():
                file.unlink()
        for file, content in saved.items():
            file.write_bytes(content)
        return True

    return Act(f"recovery store: {how}", f"the recovery store is {how}", do)


def _lose(store: Path) -> None:
    """One of its files is not there."""
    for file in store.glob("part-1.sqlite3*"):
        file.unlink()


def _damage(store: Path) -> None:
    """The head of a file is gone, and so is what was written ahead of it and would mend it."""
    content = (store / "part-1.sqlite3").read_bytes()
    _lose(store)
    (store / "part-1.sqlite3").write_bytes(b"\0" * 2000 + content[2000:])


def _newer(store: Path) -> None:
    """A later version of the program has written the store."""
    for file in store.glob("part-*.sqlite3"):
        with closing(sqlite3.connect(file)) as part, part:
            rows = part.execute("select step_id, state_key, snap_epoch, ser_change from snaps where ser_change is not null").fetchall()
            for step, key, epoch, change in rows:
                newer = re.sub(rb"version\x94K.", b"version\x94K\x63", change, flags=re.DOTALL)
                part.execute(
                    "update snaps set ser_change = ? where step_id = ? and state_key = ? and snap_epoch = ?", (newer, step, key, epoch)
                )


def missing_store() -> Act:
    """The state is gone: a run begins at `start` again. Nothing can be sent meanwhile, so that its return finds the world as it was."""

    def do(world: World) -> bool:
        state, aside = world.state.path, world.home / "state-aside"
        if not (state / "recovery").is_dir():
            return False
        shutil.copytree(state, aside)
        _empty(state)
        world.apart()
        _empty(state)
        shutil.copytree(aside, state, dirs_exist_ok=True)
        shutil.rmtree(aside)
        return True

    return Act("recovery store: missing", "the recovery store is missing", do)


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


# ---- how a run ends

ENDINGS: Final = ("kill all", "kill all", "kill one", "kill parent", "SIGTERM", "Ctrl-C")


def end(world: World, how: str, random: Random) -> None:
    """End the run, in good order or not; one that has ended by itself had a reason."""
    orderly = {"SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}.get(how)
    if orderly is not None:
        world.runs.started()  # before, Python itself does what signals mean
    if not world.runs.last.running():
        world.runs.died()
        return
    if orderly is None:
        world.runs.kill(how.removeprefix("kill "), random)
    else:
        world.runs.stop(orderly)
    world.journal.count(how if orderly else f"SIGKILL: {how.removeprefix('kill ')}")
