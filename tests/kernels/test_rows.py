"""Operations row by row: every backend equals the reference, to the last bit, for every tail."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tv5core.kernels import NONE

FLAVOURS = st.sampled_from(
    ["normal", "subnormal", "huge", "wide", "zeros", "constant", "integers", "spike", "bits"]
)
EDGES = st.sampled_from([8, 31, 32, 33, 63, 64, 65, 767, 768, 769, 2049, 4064, 4095, 4096])
DIMS = st.one_of(st.integers(8, 300), EDGES, st.integers(8, 4096))
WORDS = st.one_of(st.integers(1, 20), st.integers(1, 64), st.sampled_from([12, 16, 32, 63, 64]))
COUNTS = st.sampled_from([0, 1, 2, 3, 9])
SEEDS = st.integers(0, 2**32 - 1)

many = settings(deadline=None, max_examples=60, derandomize=True)


def bits_of(rng, shape, density):
    bits = rng.random((*shape[:-1], shape[-1] * 8)) < density
    return np.packbits(bits, axis=-1, bitorder="little")


DENSITIES = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])


@given(bytes_=st.integers(1, 520), n=COUNTS, density=DENSITIES, seed=SEEDS)
@many
def test_hamming(native, reference, same, bytes_, n, density, seed):
    rng = np.random.default_rng(seed)
    sign_bits, query = bits_of(rng, (n, bytes_), density), bits_of(rng, (bytes_,), 1 - density)
    same(native.hamming(sign_bits, query), reference.hamming(sign_bits, query))


@given(
    dim=DIMS,
    padding=st.integers(0, 2),
    rounds=st.integers(0, 4),
    n=COUNTS,
    flavour=FLAVOURS,
    seed=SEEDS,
)
@many
def test_rotate_and_prepare(
    native, reference, same, floats, dim, padding, rounds, n, flavour, seed
):
    rng = np.random.default_rng(seed)
    width = min(4096, (dim + 63) // 64 * 64 + 64 * padding)
    x, center = floats(rng, (n, dim), flavour), floats(rng, (dim,), "normal")
    signs = rng.choice(np.array([-1, 1], np.float32), (rounds, width))
    with np.errstate(all="ignore"):
        same(native.rotate(x, center, signs), reference.rotate(x, center, signs))
        same(native.prepare(x, center, signs), reference.prepare(x, center, signs))


@given(words=WORDS, n=COUNTS, flavour=FLAVOURS, seed=SEEDS)
@many
def test_encode(native, reference, same, floats, words, n, flavour, seed):
    x = floats(np.random.default_rng(seed), (n, 64 * words), flavour)
    with np.errstate(all="ignore"):
        same(native.encode(x), reference.encode(x))


@given(dim=DIMS, n=COUNTS, flavour=FLAVOURS, seed=SEEDS)
@many
def test_normalize(native, reference, same, floats, dim, n, flavour, seed):
    x = floats(np.random.default_rng(seed), (n, dim), flavour)
    with np.errstate(all="ignore"):
        same(native.squared_norms(x), reference.squared_norms(x))
        same(native.normalize(x), reference.normalize(x))
        for i in range(n):  # one row, where the GIL is kept
            same(native.squared_norms(x[i : i + 1]), reference.squared_norms(x)[i : i + 1])
            same(
                native.normalize(x[i : i + 1]),
                tuple(part[i : i + 1] for part in reference.normalize(x)),
            )


@given(n=COUNTS, k=st.integers(0, 20), count=st.integers(1, 50), seed=SEEDS)
@many
def test_gather(native, reference, same, n, k, count, seed):
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, 2**63 - 1, count)
    rows = rng.integers(0, count, (n, k), np.uint32)
    rows[rng.random((n, k)) < 0.2] = NONE
    found = native.gather(keys, rows)
    same(found, reference.gather(keys, rows))
    assert ((found == -1) == (rows == NONE)).all()


@given(n=st.integers(0, 60), wanted=st.integers(0, 30), high=st.integers(61, 500), seed=SEEDS)
@many
def test_find_keys(native, reference, same, n, wanted, high, seed):
    rng = np.random.default_rng(seed)
    keys = rng.choice(high, n, replace=False).astype(np.int64)
    by_key, some = np.argsort(keys).astype(np.uint32), rng.integers(-2, high + 2, wanted)
    found = native.find_keys(keys, by_key, some)
    same(found, reference.find_keys(keys, by_key, some))
    here = {key: row for row, key in enumerate(keys.tolist())}
    assert found.tolist() == [here.get(key, -1) for key in some.tolist()]


def test_keys_at_both_ends_of_their_type_are_found(any_backend):
    ends = np.array([-(2**63), -1, 0, 7, 2**63 - 1])
    keys = ends[[3, 0, 4, 2, 1]]
    by_key = np.argsort(keys).astype(np.uint32)
    found = any_backend.find_keys(keys, by_key, np.append(ends, [6, 1 - 2**63, 2**63 - 2]))
    assert found.tolist() == [1, 4, 3, 0, 2, -1, -1, -1]
    nothing = any_backend.find_keys(keys[:0], by_key[:0], ends)
    assert nothing.tolist() == [-1] * 5


@given(dim=DIMS, n=COUNTS, flavour=FLAVOURS, seed=SEEDS)
@many
def test_quantize(native, reference, same, floats, dim, n, flavour, seed):
    x = floats(np.random.default_rng(seed), (n, dim), flavour)
    with np.errstate(all="ignore"):
        same(native.quantize_i8(x), reference.quantize_i8(x))
        same(native.quantize_i16(x), reference.quantize_i16(x))


@given(peak=st.floats(2.0**-126, 2.0**127, width=32), seed=SEEDS)
@many
def test_quantize_halves(native, reference, same, peak, seed):
    """Values half-way between two integers round to the even one."""
    steps = np.random.default_rng(seed).integers(-254, 255, 100) / 2
    x = np.append(steps, 127).astype(np.float32)[None] * np.float32(peak / 127)
    with np.errstate(all="ignore"):
        same(native.quantize_i8(x), reference.quantize_i8(x))


@given(words=WORDS, n=COUNTS, density=DENSITIES, seed=SEEDS)
@many
def test_asymmetric(native, reference, same, words, n, density, seed):
    rng = np.random.default_rng(seed)
    query = rng.integers(-128, 128, 64 * words).astype(np.int8)
    sign_bits = bits_of(rng, (n, 8 * words), density)
    same(native.asymmetric(query, sign_bits), reference.asymmetric(query, sign_bits))


@given(words=WORDS, value=st.sampled_from([-128, -127, 127]))
@many
def test_asymmetric_extremes(native, words, value):
    """No running sum overflows when all bits are set over the largest values."""
    query = np.full(64 * words, value, np.int8)
    sign_bits = np.full((2, 8 * words), 255, np.uint8)
    assert native.asymmetric(query, sign_bits).tolist() == [64 * words * value] * 2


@given(dim=DIMS, n=COUNTS, limit=st.sampled_from([1, 4000, 32767]), seed=SEEDS)
@many
def test_dot_i8(native, reference, same, dim, n, limit, seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-128, 128, (n, dim)).astype(np.int8)
    query = rng.integers(-limit, limit + 1, dim).astype(np.int16)
    same(native.dot(rows, query), reference.dot(rows, query))


@given(dim=DIMS, sign=st.sampled_from([-1, 1]))
@many
def test_dot_i8_extremes(native, reference, dim, sign):
    """The finest int16 query and the largest int8 rows stay within int32."""
    query, _ = reference.quantize_i16(np.full((1, dim), sign, np.float32))
    rows = np.full((2, dim), 127, np.int8)
    want = dim * 127 * int(query[0, 0])
    assert abs(want) < 2**31
    assert native.dot(rows, query[0]).tolist() == [want, want]


@given(dim=DIMS, n=COUNTS, half=st.booleans(), flavour=FLAVOURS, other=FLAVOURS, seed=SEEDS)
@many
def test_dot_floats(native, reference, same, floats, dim, n, half, flavour, other, seed):
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        rows = floats(rng, (n, dim), flavour).astype(np.float16 if half else np.float32)
        query = floats(rng, (dim,), other)
        same(native.dot(rows, query), reference.dot(rows, query))


def test_every_half(native, same):
    """Every finite float16, subnormals and both zeros among them, widens exactly."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    rows = np.zeros((len(halves), 32), np.float16)
    rows[:, 7] = halves
    query = np.ones(32, np.float32)
    # A running sum starts at +0, so that -0 comes out as +0.
    same(native.dot(rows, query), halves.astype(np.float32) + np.float32(0))


@given(dim=DIMS, n=COUNTS, flavour=FLAVOURS, finer=st.booleans(), seed=SEEDS)
@many
def test_quantize_rows(native, reference, same, floats, dim, n, flavour, finer, seed):
    x = floats(np.random.default_rng(seed), (n, dim), flavour)
    with np.errstate(all="ignore"):
        got, want = native.quantize_rows(x, finer), reference.quantize_rows(x, finer)
    assert (got[1] is None) == (want[1] is None) == (not finer)
    same(*(tuple(some for some in each if some is not None) for each in (got, want)))


def test_quantize_rows_keeps_16_bits(reference):
    x = np.random.default_rng(1).standard_normal((50, 100)).astype(np.float32)
    values, residuals, scale = reference.quantize_rows(x, True)
    peak = np.abs(x).max(axis=1, keepdims=True)
    coarse, full = values * scale[:, None], (values + residuals / 254) * scale[:, None]
    assert (np.abs(coarse - x) <= peak / 253).all()
    assert (np.abs(full - x) <= peak / 64_000).all()
