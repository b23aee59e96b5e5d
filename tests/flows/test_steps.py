import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from currents_segment.flows.steps import anew

IDS = st.sets(st.integers(1, 2**64 - 1), min_size=1)


@given(IDS, st.integers(1, 1000))
def test_ids_read_anew_are_as_different_as_before_and_never_0(ids, rewinds):
    """Also the one id that would become 0, which means empty in hash tables."""
    mask = xxh3_64_intdigest(rewinds.to_bytes(8, "little"))
    before = np.array(sorted(ids | {mask}), np.uint64)
    after = anew(before, rewinds)
    assert len(before) == len(np.unique(after))
    assert after.all()


@given(IDS, st.integers(1, 1000), st.integers(1, 1000))
def test_each_rewind_forgets_all_others(ids, one, other):
    """An id is the same in each reading, and another after each rewind."""
    before = np.array(sorted(ids), np.uint64)
    assert (anew(before, one) == anew(before, one)).all()
    assert not (anew(before, one) == before).any()
    assert (one == other) == bool((anew(before, one) == anew(before, other)).all())
