"""Layout of codes: parts that are joined come apart again, and padding is at most a quarter."""

from __future__ import annotations

import numpy as np
import pytest

from tv5core.kernels.code_layout import CodeLayout


@pytest.mark.parametrize("bits", [64, 128, 448, 768, 1_024, 4_096])
def test_joined_parts_come_apart(bits: int) -> None:
    rng = np.random.default_rng(bits)
    signs = rng.integers(0, 256, (5, bits // 8), np.uint8)
    add, rescale = rng.standard_normal((2, 5), np.float32)
    layout = CodeLayout(bits)
    codes = layout.join(signs, add, rescale)
    assert codes.shape == (5, layout.size)
    for some in (codes, layout.pad(codes)):
        np.testing.assert_array_equal(layout.signs(some), signs)
        np.testing.assert_array_equal(layout.factors(some), np.stack([add, rescale], axis=1))


@pytest.mark.parametrize(("bits", "stride"), [(64, 24), (128, 32), (448, 72), (768, 128)])
def test_codes_are_padded_to_cache_lines_where_that_is_little(bits: int, stride: int) -> None:
    assert CodeLayout(bits).stride == stride
    assert CodeLayout(bits).stride <= 1.25 * (CodeLayout(bits).size + 8)


def test_places_of_links_are_behind_the_codes() -> None:
    layout = CodeLayout(128)
    records = layout.pad(np.full((3, layout.size), 7, np.uint8))
    places = np.array([0, 2**63 + 5, 2**64 - 1], np.uint64)
    layout.set_places(records, places)
    np.testing.assert_array_equal(layout.places(records), places)
    assert (records[:, : layout.size] == 7).all()


def test_room_for_codes_begins_with_a_cache_line() -> None:
    room = CodeLayout(768).aligned(3)
    assert room.shape == (3, 128)
    assert room.ctypes.data % 64 == 0
    assert not room.any()
