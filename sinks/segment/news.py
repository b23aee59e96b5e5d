"""What a connector says in the log: a line for every change of its state, warnings while it fails, unknown names now and then. Nothing else."""

import time
from collections.abc import Set as AbstractSet
from typing import Final

import structlog

from currents_segment.sinks.segment.backoff import Health

SETTLE: Final = 5.0  # s after the start: many unknown names come together, and are one piece of news
UNKNOWN_EVERY: Final = 60.0  # s: at most one line of them a minute
UNKNOWN_SHOWN: Final = 5  # names in a line; `status` has all of them
FIRST_WARNING: Final = 3600.0  # s of failing; with a short `expire_after`, a quarter of it
WARNINGS: Final = (0.5, 0.9)  # of `expire_after`


class News:
    """One connector's news in this process.

    Args:
        connector: its name.
        expire_after: s until its events expire.

    Attributes:
        warned: how many of the warnings of this outage have been given; kept over a restart.
    """

    def __init__(self, connector: str, expire_after: float) -> None:
        self._log = structlog.get_logger().bind(connector=connector)
        self._steps = sorted({min(FIRST_WARNING, expire_after / 4), *(part * expire_after for part in WARNINGS)})
        self.warned = 0
        self._told: set[str] = set()
        self._tell_again = time.monotonic() + SETTLE

    def changed(self, before: Health, after: Health, why: str | None, now: float) -> None:
        """The connector recovered, fails, or is held by a fault of its set-up; silent when it goes on as before."""
        if before.working or after.working:  # another outage, whatever a slot remembers of the last one
            self.warned = 0
        if after.working:
            if not before.working:
                self._log.info("connector.recovered", failed_for=round(now - (before.failing_since or now), 1))
        elif after.fault and after.fault != before.fault:
            remedy = "check write key, region and endpoint; a replaced key file is used at once"
            self._log.error("connector.held", why=after.fault, remedy=remedy)
        elif before.working:
            self._log.warning("connector.failing", why=why)

    def key_replaced(self) -> None:
        """Another write key is in force."""
        self._log.info("connector.key_replaced")

    def still_failing(self, failed_for: float, first_loss_in: float | None, why: str | None) -> None:
        """Told after an hour, half and nine tenths of the time to the first loss, once each."""
        due = sum(failed_for >= step for step in self._steps)
        if due > self.warned:
            self.warned = due
            loss = None if first_loss_in is None else round(first_loss_in)
            self._log.warning("connector.still_failing", why=why, failed_for=round(failed_for), first_loss_in=loss)

    def unknown(self, names: AbstractSet[str]) -> None:
        """Names that the catalogue does not know; nothing is wrong: Braze adds types and fields without notice."""
        now = time.monotonic()
        if len(names) > len(self._told) and now >= self._tell_again:  # names are never forgotten
            new = names - self._told
            self._told |= new
            self._tell_again = now + UNKNOWN_EVERY
            words = sorted({name.rpartition(".")[2] for name in new})
            more = max(0, len(words) - UNKNOWN_SHOWN)
            self._log.info("catalogue.unknown", names=words[:UNKNOWN_SHOWN], more=more, see="currents-segment status")
