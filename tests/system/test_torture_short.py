"""A short torture: crashes, stops, other numbers of processes, an endpoint that fails in every way, and new data all the while."""

import os
import signal
from contextlib import suppress
from random import Random

from tests.system.exports import export, put

ROUNDS = 7  # about 40 s on two quiet cores
EVENTS = 1_000  # in each of the exports that come one a round in the first half
FAULTS = [
    {"do": "status", "status": 503},
    {"do": "status", "status": 500, "kept": True},
    {"do": "status", "status": 429, "retry_after": 1},
    {"do": "status", "status": 429, "retry_after": 1, "retry_after_form": "date"},
    {"do": "status", "status": 401},
    {"do": "reset"},
    {"do": "reset", "kept": True},
    {"do": "hang"},
    {"do": "hang", "kept": True},
    {"do": "truncate"},
    {"do": "truncate", "kept": True},
    {"do": "drip", "interval": 0.005},
    {"do": "redirect"},
    {"do": "html"},
    {"do": "unsuccessful"},
    {"do": "unsuccessful", "kept": True},
    {"do": "pass", "delay": 0.3},
]


IN_ORDER = {"terminate": signal.SIGTERM, "interrupt": signal.SIGINT}
ENDS = ("kill all", "kill all", "kill one", "kill the parent", *IN_ORDER)


def test_torture(job, double, tmp_path):
    """Whatever happens, in whatever order: at the end Segment has exactly what it must have, and the ledger is exact. Env SEED repeats a schedule."""
    seed = int(os.environ.get("SEED") or int.from_bytes(os.urandom(4)))
    print(f"SEED={seed}")  # noqa: T201 - to run it again
    random = Random(seed)
    exports = [export(tmp_path / f"export-{number}", count=EVENTS, seed=random.randrange(1 << 32)) for number in range(ROUNDS // 2)]
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    main = job(inbox, {"shop": {"limits": {"batch_events": 50, "in_flight": 4, "timeout": "1s"}}}, epoch="100ms")
    for number in range(ROUNDS):
        double.clear()
        faults = random.sample(FAULTS, 2)
        for fault in faults:
            double.fault(probability=random.choice((0.1, 0.3)), **fault)
        processes, requests, ending = random.randint(1, 3), random.choice((0, 1, 3, 6)), random.choice(ENDS)
        print(f"round {number}: {processes} processes, {faults}, after {requests} requests: {ending}")  # noqa: T201 - the schedule
        run = main.start(processes=processes)
        if number < len(exports):
            put(exports[number], inbox)
        due = sum(each.due() for each in exports[: number + 1])
        wanted = double.answers().total() + requests
        main.until(lambda: double.answers().total() >= wanted or double.kept() >= due, "requests")  # noqa: B023 - asked before the round ends
        if ending in IN_ORDER:
            main.until(lambda: "run.start" in run.text(), "its start")  # noqa: B023 - as above
        end(run, ending, random)
    double.clear()
    main.once(random.randint(1, 3))
    main.proved(*exports)


def end(run, how, random):
    """End a run and all its processes, in good order or not."""
    if how in IN_ORDER:
        run.stop(IN_ORDER[how])
    elif how == "kill all":
        run.kill()
    else:
        victim = run.process.pid if how == "kill the parent" else random.choice(run.children() or [run.process.pid])
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        assert 0 != run.end()
