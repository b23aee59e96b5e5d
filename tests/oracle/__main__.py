"""`make torture`: crashes, faults and foul input by chance, and the verdict of an oracle that knows only the input and what came out."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.oracle.sources import opener
from tests.oracle.torture import torture
from tests.oracle.verdict import COUNTS, Verdict


def main() -> int:
    """The command; gives its exit code: 0 when nothing is wrong, 1 when something is, 2 for a mistake in the arguments, 130 for Ctrl-C."""
    arguments = argparse.ArgumentParser(prog="torture", description=__doc__)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="one torture each; a seed gives the same schedule again")
    arguments.add_argument("--rounds", type=int, default=12, help="runs in each")
    arguments.add_argument("--processes", type=int, default=None, help="in each run; by chance 1, 2 or 3 without")
    arguments.add_argument("--source", default="folder", help="where events come from")
    arguments.add_argument(
        "--keep", type=Path, default=None, help="folder for all that the tortures leave; a new one, deleted if all is well, without"
    )
    given = arguments.parse_args()
    try:
        opener(given.source)
    except ValueError as error:
        sys.stderr.write(f"torture: {error}\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _alone()
    home = given.keep or Path(tempfile.mkdtemp(prefix="currents-torture-"))
    total, faults = Verdict(), Counter[str]()
    complaints: list[str] = []
    for seed in given.seeds:
        try:
            verdict, journal = torture(
                home / f"seed-{seed}", seed, rounds=given.rounds, processes=given.processes, source=given.source, tell=_say
            )
        except KeyboardInterrupt:
            _say("stopped; nothing is left running")
            return 130
        _table(f"seed {seed}", verdict, Counter(journal.faults), journal.complaints)
        total += verdict
        faults.update(journal.faults)
        complaints += journal.complaints
    _table("total", total, faults, complaints)
    good = total.good and not complaints
    if good and given.keep is None:
        shutil.rmtree(home, ignore_errors=True)
    else:
        _say(f"everything that they left: {home}")
    _say(f"{total} faults={faults.total()}")
    return 0 if good else 1


def _alone() -> None:
    """In a space of its own for mounts, so that none outlives it; where that is not to be had, it goes on without."""
    unshare = shutil.which("unshare")
    if unshare is None or os.environ.get("CURRENTS_TORTURE_ALONE"):
        return
    space = [unshare, "--mount"] if os.geteuid() == 0 else [unshare, "--user", "--map-root-user", "--mount"]
    if os.spawnv(os.P_WAIT, unshare, [*space, "true"]) == 0:
        os.environ["CURRENTS_TORTURE_ALONE"] = "yes"
        os.execv(unshare, [*space, sys.executable, "-m", "tests.oracle", *sys.argv[1:]])


def _table(title: str, verdict: Verdict, faults: Counter[str], complaints: list[str]) -> None:
    """What was done, and what came of it."""
    _say(f"\n{title}")
    width = max((len(kind) for kind in faults), default=0)
    for kind, count in sorted(faults.items()):
        _say(f"  {kind:<{width}}  {count:>5}")
    for name in COUNTS:
        _say(f"  {name:<{width}}  {getattr(verdict, name):>5}")
        for example in verdict.examples[name]:
            _say(f"      {example}")
    for complaint in complaints:
        _say(f"  ! {complaint}")
    _say("")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
