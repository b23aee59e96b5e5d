"""The README says of every way in which an event can end what it means."""

import re
from pathlib import Path

from currents_segment.codecs.outcome import KEPT, Outcome

PAGE = (Path(__file__).parents[2] / "README.md").read_text()


def outcomes():
    """Outcome and what to do about it, by the table's rows."""
    return re.findall(r"^\| [^|]+ \| `([a-z_/]+)` \|([^|]*)\|$", PAGE, re.MULTILINE)


def test_every_outcome_is_explained_once():
    """An outcome that is added must be explained to users, in the words of ledger and metrics."""
    assert sorted(outcome.value for outcome in Outcome) == sorted(name for name, _ in outcomes())


def test_what_becomes_a_dead_letter_is_said_so():
    """And nothing else is."""
    said = {name for name, remedy in outcomes() if "dead letter" in remedy}
    assert {outcome.value for outcome in Outcome if outcome.state in KEPT} == said
