from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from currents_segment.flows.errors import UserError
from currents_segment.flows.simulate.currents_mess import KINDS, TIDY, Mess, Rota


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 0.25)), st.integers(1, 400))
def test_each_kind_comes_up_by_its_share(shares, turns):
    """Over n turns every kind came up n times its share, give or take the kinds that wait for each other."""
    rota = Rota(shares)
    seen = Counter(rota.turn() for _ in range(turns))
    for kind, share in shares.items():
        assert abs(seen[kind] - turns * share) <= 1 + len(shares) * share + 1


def test_each_kind_comes_early():
    """However small its share, the first of each kind comes in the first turns, so that short runs meet all of it."""
    rota = Rota({"a": 0.001, "b": 0.0001, "c": 0.0})
    assert ["a", "b", None, None] == [rota.turn() for _ in range(4)]


@pytest.mark.parametrize("wrong", [{"duplicates": 1.5}, {"empty": -0.1}, {"older": 0.6, "newer": 0.6}])
def test_shares_must_make_sense(wrong):
    """A share out of range, or kinds that exclude each other and exceed the whole, are mistakes that name the kind."""
    with pytest.raises(UserError, match=next(iter(wrong))):
        Mess(**wrong)


def test_tidy_is_nothing_at_all():
    """A tidy export has no untoward event, file or user."""
    assert [0.0] * len(KINDS) == [getattr(TIDY, kind) for kind in KINDS]
