"""The reference itself, against definitions written independently."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import hadamard

from tv5core.kernels import NONE, Prepared


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_hamming(reference, rng):
    sign_bits = rng.integers(0, 256, (5, 16), np.uint8)
    bits = np.unpackbits(sign_bits, axis=1)
    assert (
        reference.hamming(sign_bits, sign_bits[2]).tolist()
        == (bits != bits[2]).sum(axis=1).tolist()
    )


@pytest.mark.parametrize(("dim", "width"), [(64, 64), (100, 128), (150, 192), (768, 768)])
def test_rotation_is_two_overlapping_hadamard_blocks(reference, rng, dim, width):
    x, center = rng.standard_normal((3, dim)), rng.standard_normal(dim)
    signs = rng.choice([-1.0, 1.0], (2, width))
    block = 1 << (width.bit_length() - 1)
    transform = hadamard(block) / np.sqrt(block)
    want = np.zeros((3, width))
    want[:, :dim] = x.astype(np.float32) - center.astype(np.float32)
    want *= signs[0]
    want[:, :block] = want[:, :block] @ transform
    want *= signs[1]
    want[:, width - block :] = want[:, width - block :] @ transform
    got = reference.rotate(*(a.astype(np.float32) for a in (x, center, signs)))
    np.testing.assert_allclose(got, want, atol=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(got, axis=1),
        np.linalg.norm(x.astype(np.float32) - center.astype(np.float32), axis=1),
        rtol=1e-5,
    )


def test_sums_have_32_lanes(reference):
    """A lane sums every 32nd product; what it would lose elsewhere shows the order."""
    row = np.zeros((1, 96), np.float32)
    row[0, [0, 32, 64, 33]] = 2**24, 1, -(2**24), 1
    # Lane 0: (2^24 + 1) rounds to 2^24, minus 2^24 is 0. Lane 1: 1.
    assert reference.dot(row, np.ones(96, np.float32)).tolist() == [1.0]


def test_encode(reference):
    x = np.array([[0.0, -0.0, 1e-45, -1e-45, 2.0, np.nan, -3.0, np.inf] * 8], np.float32)
    sign_bits, _, _ = reference.encode(x)
    assert sign_bits.tolist() == [[0b10010100] * 8]


def test_quantize(reference):
    x = np.array([[1.0, -0.5, 0.25], [0, -0.0, 0], [1e-42, 0, 0], [1, np.inf, 2]], np.float32)
    with np.errstate(all="ignore"):
        values, scale = reference.quantize_i8(x)
    assert values.tolist() == [[127, -64, 32], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert scale.tolist() == [np.float32(1) / np.float32(127), 0, 0, 0]


def test_int16_queries_use_what_int32_has_room_for(reference):
    for dim in (8, 768, 4096):
        values, _ = reference.quantize_i16(np.ones((1, dim), np.float32))
        limit = int(values[0, 0])
        assert limit == 32767 or (limit + 1) * 127 * dim > 2**31 - 1 >= limit * 127 * dim


def test_estimate_recovers_inner_products(reference, rng):
    """The estimator is unbiased: errors average out far below one error."""
    n, dim = 2000, 256
    x = rng.standard_normal((n, dim)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    center = x.mean(axis=0)
    signs = rng.choice(np.array([-1, 1], np.float32), (2, dim))
    sign_bits, absolute, square = reference.encode(reference.rotate(x, center, signs))
    factors = np.stack([x @ center - center @ center, square / absolute], axis=1)
    codes = np.concatenate([sign_bits, factors.astype(np.float32).view(np.uint8)], axis=1)
    query = (x[:1] + 0.05 * rng.standard_normal((1, dim))).astype(np.float32)
    rows, scores = reference.scan_codes(
        np.ascontiguousarray(codes), reference.prepare(query, center, signs), n
    )
    error = scores[0] - (x @ query[0])[rows[0]]
    assert rows[0, 0] == 0
    assert 0 < np.abs(error).mean() < 0.1
    assert abs(error.mean()) < 0.01


def prepared(scale=1.0, base=0.0):
    values = np.ones((1, 64), np.int8)
    return Prepared(
        values,
        np.full(1, scale, np.float32),
        np.full(1, 64, np.int32),
        np.full(1, base, np.float32),
    )


def codes_with(add):
    out = np.zeros((len(add), 16), np.uint8)
    out[:, 8:12] = np.asarray(add, np.float32)[:, None].view(np.uint8)
    return out


def test_order_and_padding(any_backend):
    """Descending score, then ascending row; -0 ties with 0, NaN comes last, NONE pads."""
    some = codes_with([0.0, 2.0, np.nan, -0.0, -np.inf, 2.0])
    rows, scores = any_backend.scan_codes(some, prepared(), 8)
    assert rows.tolist() == [[1, 5, 0, 3, 4, 2, NONE, NONE]]
    assert scores[0, :5].tolist() == [2, 2, 0, 0, -np.inf]
    assert not np.signbit(scores[0, 2:4]).any()
    assert np.isnan(scores[0, 5])
    assert np.isneginf(scores[0, 6:]).all()


def test_base_does_not_change_the_order(any_backend):
    """A large base rounds both scores to one; the better estimate still comes first."""
    rows, scores = any_backend.scan_codes(codes_with([1.0, 1.0 + 2**-20]), prepared(base=1e6), 2)
    assert rows.tolist() == [[1, 0]]
    assert scores[0, 0] == scores[0, 1] == 1e6 + 1


def test_bitmap(any_backend):
    some = codes_with([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    rows, _ = any_backend.scan_codes(
        some, prepared(), 3, np.array([0b00101010, 0b11111100], np.uint8)
    )
    assert rows.tolist() == [[5, 3, 1]]
