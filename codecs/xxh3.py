# ruff: noqa: PLR2004 - the numbers are the specification's
"""xxh3 of 64 bits, seeded, for 1 to 128 bytes, as a piece of a compiled loop; the same as `xxhash.xxh3_64_intdigest`.

Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
"""

from typing import Any, Final

import numpy as np

from currents_segment.codecs.native import Array, aside, folded, load8, part, woven

_SECRET: Final = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
        "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    ),
    np.uint64,
)
_HALF: Final = np.uint64(0xFFFFFFFF)
_PRIME_1: Final = np.uint64(0x9E3779B185EBCA87)
_PRIME_2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3: Final = np.uint64(0x165667B19E3779F9)
_MIX_1: Final = np.uint64(0x165667919E3779F9)
_MIX_2: Final = np.uint64(0x9FB21C651E98DF25)


@aside
def _swapped(value: Any) -> Any:
    """The bytes of a uint64 in reverse."""
    swapped = np.uint64(0)
    for _ in range(8):
        swapped = (swapped << np.uint64(8)) | (value & np.uint64(0xFF))
        value >>= np.uint64(8)
    return swapped


@part
def _mixed(data: Array, at: int, word: int, seed: Any) -> Any:
    return folded(load8(data, at) ^ (_SECRET[word] + seed), load8(data, at + 8) ^ (_SECRET[word + 1] - seed))


@part
def _load4(data: Array, at: int) -> Any:
    value = np.uint64(0)
    for place in range(at + 3, at - 1, -1):
        value = value << np.uint64(8) | np.uint64(data[place])
    return value


@woven
def digest(data: Array, at: int, size: int, seed: Any) -> Any:
    """xxh3_64 of `size` bytes, 1 to 128, from `at` on."""
    length = np.uint64(size)
    if size > 16:
        mixed = length * _PRIME_1
        pairs = (size - 1) >> 5
        for pair in range(pairs, -1, -1):
            mixed += _mixed(data, at + 16 * pair, 4 * pair, seed)
            mixed += _mixed(data, at + size - 16 * (pair + 1), 4 * pair + 2, seed)
    elif size > 8:
        low = load8(data, at) ^ ((_SECRET[3] ^ _SECRET[4]) + seed)
        high = load8(data, at + size - 8) ^ ((_SECRET[5] ^ _SECRET[6]) - seed)
        mixed = length + _swapped(low) + high + folded(low, high)
    elif size > 3:
        seed ^= _swapped(seed & _HALF)
        both = _load4(data, at + size - 4) + (_load4(data, at) << np.uint64(32))
        mixed = both ^ ((_SECRET[1] ^ _SECRET[2]) - seed)
        mixed ^= (mixed << np.uint64(49) | mixed >> np.uint64(15)) ^ (mixed << np.uint64(24) | mixed >> np.uint64(40))
        mixed *= _MIX_2
        mixed ^= (mixed >> np.uint64(35)) + length
        mixed *= _MIX_2
        return mixed ^ (mixed >> np.uint64(28))
    else:
        ends = np.uint64(data[at]) << np.uint64(16) | np.uint64(data[at + size - 1])
        mixed = (ends | np.uint64(data[at + (size >> 1)]) << np.uint64(24) | length << np.uint64(8)) ^ (
            ((_SECRET[0] & _HALF) ^ (_SECRET[0] >> np.uint64(32))) + seed
        )
        mixed = (mixed ^ (mixed >> np.uint64(33))) * _PRIME_2
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _PRIME_3
        return mixed ^ (mixed >> np.uint64(32))
    mixed = (mixed ^ (mixed >> np.uint64(37))) * _MIX_1
    return mixed ^ (mixed >> np.uint64(32))
