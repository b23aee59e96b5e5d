"""`make isolation`: what healthy connectors notice of one that fails, as ratios; with --flat, whether memory and recovery store stay flat meanwhile.

In each trial one run carries a wave of events for the healthy connectors twice: before, while one more connector of the workspace has nothing to do, and
during, while that one fails and has more to send than it may hold. It fails in the midst of a wave and of its own work, when it holds most, and its
endpoint is a process of its own. The fault `nothing`, in which the other connector ends its work and idles again, shows what the comparison is worth on this
machine, and what is kept with any other is also told as a share of what is kept then; `others` is how many of its cores had other work. Of all rounds the best before and
the best during are compared, since other work only takes away.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench import flat
from tests.bench.load import EMAIL, PUSH, Carried, Load, Taker, Wave, carry, connector, doubled, simulate, tell
from tests.system.double import Double
from tests.system.rig import key

from currents_segment.flows.status import balance

NOTHING: Final = "nothing"
HEALTHY: Final = ("healthy-1", "healthy-2", "healthy-3")
FAILING: Final = "failing"
WAVE: Final = 240_000  # events: some seconds
WARM: Final = 3  # waves before those that are compared: what known ids cost grows with them at first
TIMEOUT: Final = "2s"  # of the one that fails, so that what hangs is tried again within a wave: the usual 30 s disturb less

FAULTS: Final[Mapping[str, Callable[[Double], object]]] = {
    NOTHING: lambda double: double.summary(),
    "503": lambda double: double.fault(do="status", status=503),
    "hang": lambda double: double.fault(do="hang"),
    "drip": lambda double: double.fault(do="drip", interval=1.0),
    "refused": lambda double: double.close(),
    "429": lambda double: double.fault(do="status", status=429, retry_after=300),
    "key": lambda double: double.source(FAILING, expired=True),
}
"""What the endpoint of the one that fails does from some moment on: 429 asks for 300 s, a dripping answer takes 16 s, `key` answers 401."""


@dataclass(frozen=True)
class Waves:
    """What comes in a trial.

    Attributes:
        first: for the healthy ones, to warm up.
        onset: for the healthy ones, while the trouble begins.
        compared: for the healthy ones, before and during.
        backlog: for the one that fails: before it does, and after.
    """

    first: Wave
    onset: Wave
    compared: tuple[Wave, Wave]
    backlog: tuple[Wave, Wave]


@dataclass(frozen=True)
class Trial:
    """How the healthy connectors did before, while the trouble began, and during it."""

    before: Carried
    onset: Carried
    during: Carried

    @property
    def stall(self) -> float:
        """Seconds, the worst of any healthy connector from the onset on."""
        return max(self.onset.stall, self.during.stall)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 when every limit is kept, 1 when one is broken."""
    options = parsed(arguments)
    with TemporaryDirectory(prefix="isolation-", dir=options.home) as folder:
        home = Path(folder)
        if options.flat:
            return flat.main(home, events=options.flat, wave=options.events or flat.WAVE, processes=options.processes, most=options.growth)
        waves = made(home, options.events or WAVE, options.backlog)
        trials: dict[str, list[Trial]] = {fault: [] for fault in options.faults}
        tell(HEADER)
        for number in range(options.rounds):
            for fault in options.faults:
                trials[fault].append(trial(home / f"{fault}-{number}", fault, waves, options.processes, swap=number % 2 == 1))
                tell(f"{line(fault, trials[fault][-1:])}   round {number + 1} of {options.rounds}")
    tell(f"\nof {options.rounds} rounds\n{HEADER}")
    for fault, each in trials.items():
        share = f"   {kept(trials, fault):.2f} of what is kept when nothing fails" if NOTHING in trials else ""
        tell(line(fault, each) + share)
    broken = verdict(trials, keep=options.keep, stall=options.stall)
    tell(
        "\n".join(broken)
        or f"the healthy connectors kept at least {options.keep:.0%} of their throughput, none stalled for {options.stall:g} s"
    )
    return 1 if broken else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="make isolation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, help=f"in a wave, for each healthy connector: {WAVE:,}, and {flat.WAVE:,} with --flat")
    parser.add_argument("--backlog", type=int, default=150_000, help="for the one that fails; its gates let in 64,000 and keep 16,000")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS), help="how it fails")
    parser.add_argument("--rounds", type=int, default=5, help="trials of each fault, in turn")
    parser.add_argument("--processes", type=int, default=1, help="of the run")
    parser.add_argument("--keep", type=float, default=0.95, help="least throughput, during : before")
    parser.add_argument("--stall", type=float, default=2.0, help="s between two deliveries of a healthy connector, at most")
    parser.add_argument(
        "--flat", type=int, metavar="EVENTS", help="instead: memory and store while one is down and two others carry so many"
    )
    parser.add_argument(
        "--growth",
        type=float,
        default=flat.MOST,
        help="B an event, with --flat: less than a pointer, so all that is kept of each breaks it",
    )
    parser.add_argument("--home", type=Path, help="where the data goes, instead of the system's folder for temporary files")
    return parser.parse_args(arguments)


def made(home: Path, events: int, backlog: int) -> Waves:
    """All waves, simulated."""
    counts = (WARM * events, events // 2, events, events, backlog * 4 // 5, backlog // 5)
    tell(f"simulating {sum(counts):,} events")
    with ThreadPoolExecutor(2) as pool:
        making = [
            pool.submit(simulate, home / f"wave-{seed}", count, seed=seed, types=PUSH if seed > 3 else EMAIL)
            for seed, count in enumerate(counts)
        ]
    first, onset, one, two, before, after = (each.result() for each in making)
    return Waves(first, onset, (one, two), (before, after))


def trial(home: Path, fault: str, waves: Waves, processes: int, *, swap: bool) -> Trial:
    """One run; `swap` exchanges the two waves that are compared, so that a difference between them does not count."""
    one, two = reversed(waves.compared) if swap else waves.compared
    with ExitStack() as closing:
        home.mkdir(parents=True)
        good, bad = Taker(home / "spool"), closing.enter_context(doubled(home / "bad"))
        closing.callback(good.close)
        inbox = home / "inbox"
        inbox.mkdir()
        connectors = {name: connector(EMAIL) for name in HEALTHY}
        connectors[FAILING] = {**connector(PUSH, timeout=TIMEOUT), "endpoint": f"{bad.url}/v1/batch"}
        bad.source(FAILING, key=key(FAILING))
        job = Load(home / "job", good, inbox, connectors, epoch="1s")
        closing.callback(job.close)
        run = job.start(processes=processes)

        def through(wave: Wave, meanwhile: Callable[[], None] = lambda: None) -> Carried:
            carried = carry(job, wave, HEALTHY, meanwhile)
            wave.go(inbox)
            return carried

        def fail() -> None:
            begun = good.count() + 1 + waves.onset.events // 1000  # of five times as many requests
            job.until(lambda: good.count() >= begun, "the wave to be under way")
            waves.backlog[0].come(inbox)
            job.until(lambda: bad.kept(FAILING), "the one that will fail to be at work")
            FAULTS[fault](bad)
            waves.backlog[1].come(inbox)

        through(waves.first)
        before = through(one)
        onset = through(waves.onset, fail)
        if fault == NOTHING:
            job.until(lambda: bad.kept(FAILING) == sum(wave.events for wave in waves.backlog), "the other one to have done its work")
        else:
            job.until(lambda: job.connector(FAILING)["failing_since"], "it to fail")
        during = through(two)
        assert (fault != NOTHING) == bool(job.connector(FAILING)["failing_since"] and job.connector(FAILING)["in_flight"])
        run.stop()
        document = job.status()
        assert document is not None
        assert {} == balance(document)
    return Trial(before, onset, during)


HEADER: Final = (
    "           throughput         CPU   worst stall, s     memory, MB       store, MB    events/s   others\n"
    "           during:before  before:d  before  during  before  during  before  during    before    cores"
)


def throughput(trials: Sequence[Trial]) -> float:
    """During : before."""
    return max(one.during.rate for one in trials) / max(one.before.rate for one in trials)


def line(fault: str, trials: Sequence[Trial]) -> str:
    """One fault: ratios of the best, the worst stalls, and the medians of what says how it was measured."""
    before, during = [one.before for one in trials], [one.during for one in trials]
    return (
        f"{fault:<10} {throughput(trials):>13.2f} {min(one.cpu for one in before) / min(one.cpu for one in during):>9.2f}"
        f" {max(one.stall for one in before):>7.2f} {max(one.stall for one in trials):>7.2f}"
        f" {median(one.memory / 1e6 for one in before):>7.0f} {median(one.memory / 1e6 for one in during):>7.0f}"
        f" {median(one.store / 1e6 for one in before):>7.0f} {median(one.store / 1e6 for one in during):>7.0f}"
        f" {max(one.rate for one in before):>9,.0f} {median(one.others for one in before + during):>8.1f}"
    )


def kept(trials: Mapping[str, Sequence[Trial]], fault: str) -> float:
    """During : before, as a share of what that is where nothing fails, if that was measured: whatever else changes within a trial does not count."""
    return throughput(trials[fault]) / (throughput(trials[NOTHING]) if NOTHING in trials else 1.0)


def verdict(trials: Mapping[str, Sequence[Trial]], *, keep: float, stall: float) -> list[str]:
    """The limits that are broken, a sentence each."""
    broken = []
    for fault, each in trials.items():
        if (ratio := throughput(each)) < keep:
            broken.append(f"{fault}: the healthy connectors kept {ratio:.0%} of their throughput; at least {keep:.0%} is wanted")
        if (worst := max(one.stall for one in each)) >= stall:
            broken.append(f"{fault}: a healthy connector stalled for {worst:.1f} s; less than {stall:g} s is wanted")
    return broken


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as on Ctrl-C, nothing is left running
    sys.exit(main())
