from hypothesis import example, given
from hypothesis import strategies as st
from numpy import frombuffer, uint8, uint64
from xxhash import xxh3_64_intdigest

from currents_segment.codecs.xxh3 import digest


@given(st.binary(min_size=1, max_size=128), st.integers(0, 2**64 - 1), st.binary(max_size=3))
@example(b"x" * 128, 2**64 - 1, b"")
def test_it_is_xxh3(data, seed, before):
    """What the compiled loop computes is what the library does, wherever the bytes stand."""
    assert xxh3_64_intdigest(data, seed=seed) == digest(frombuffer(before + data, uint8), len(before), len(data), uint64(seed))


def test_it_is_xxh3_of_every_length():
    """Each of the lengths from 1 to 128, since the way differs by length."""
    data = bytes(range(7, 135))
    assert [xxh3_64_intdigest(data[:size], seed=9) for size in range(1, 129)] == [
        digest(frombuffer(data, uint8), 0, size, uint64(9)) for size in range(1, 129)
    ]
