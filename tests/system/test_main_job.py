"""The main job seen from outside: files in a folder, the command line, and what Segment would keep."""

import pytest
from tests.system.exports import export

CONNECTORS = ("news", "shop")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """An untidy export that two connectors read."""
    return export(tmp_path_factory.mktemp("two"), connectors=CONNECTORS, settings={"anonymous_users": True})


@pytest.mark.parametrize(("processes", "again"), [(1, 2), (2, 1)])
def test_segment_has_what_it_must_have(job, double, two, processes, again):
    """Every message that is due is kept once by Segment and nothing else is, the ledger and the dead letters are exact; what is done is not done again."""
    main = job(two.folder, {name: {"anonymous_users": True} for name in CONNECTORS})
    first = main.once(processes)
    main.proved(two)
    sent, letters = double.summary(), main.letter_counts()
    assert 0 == sum(sent["duplicates"].values())
    ledger = _ledger(first.text())
    assert ledger
    second = main.once(again)
    assert sent == double.summary()
    assert ledger == _ledger(second.text())
    assert letters == main.letter_counts()
    main.proved(two)


def _ledger(text):
    """The ledger at the end of what a run printed, which has other lines before."""
    return [line for line in text.splitlines() if "(workspace " in line or line.lstrip().startswith(("received", "= ", "+ "))]
