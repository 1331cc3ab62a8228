"""Scans and rescoring: every backend selects what the reference selects, in its order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.draws import bitmap_of, codes_of, queries_of, rows_of
from tv5core.kernels import NONE, Prepared
from tv5core.vectors.quantizer import Quantizer

FLAVOURS = st.sampled_from(
    ["normal", "huge", "wide", "zeros", "constant", "integers", "spike", "bits"]
)
WORDS = st.one_of(st.integers(1, 6), st.sampled_from([12, 16, 33, 64]))
COUNTS = st.one_of(st.integers(0, 12), st.sampled_from([63, 64, 65, 127, 200, 333]))
DENSITIES = st.sampled_from([None, 0.0, 0.02, 0.5, 0.95, 1.0])
QUERIES = st.integers(0, 3)
TOGETHER = st.sampled_from([0, 1, 3, 4, 5, 9])  # scans take four at a time
SEEDS = st.integers(0, 2**32 - 1)

many = settings(deadline=None, max_examples=80, derandomize=True)


@given(
    words=WORDS,
    n=COUNTS,
    queries=QUERIES,
    k=st.integers(1, 80),
    density=DENSITIES,
    flavour=FLAVOURS,
    scale=FLAVOURS,
    seed=SEEDS,
)
@many
def test_scan_codes(
    native, reference, same, floats, words, n, queries, k, density, flavour, scale, seed
):
    rng = np.random.default_rng(seed)
    some = codes_of(rng, floats, n, words, flavour)
    ready = queries_of(rng, floats, queries, words, scale)
    allow = bitmap_of(rng, n, density)
    with np.errstate(all="ignore"):
        same(native.scan_codes(some, ready, k, allow), reference.scan_codes(some, ready, k, allow))


KINDS = st.sampled_from(["int8", "float16", "float32"])


@given(
    words=WORDS,
    n=st.one_of(COUNTS, st.just(2_500)),
    queries=QUERIES,
    k=st.integers(1, 80),
    density=DENSITIES,
    kind=KINDS,
    error_margin=st.sampled_from([0.0, 0.5, 2.0, 50.0]),
    dim=st.integers(1, 70),
    seed=SEEDS,
)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_scan_bounded(
    native, reference, same, floats, words, n, queries, k, density, kind, error_margin, dim, seed
):
    rng = np.random.default_rng(seed)
    some = codes_of(rng, floats, n, words, "normal")
    ready = queries_of(rng, floats, queries, words, "normal")
    rows, scales = rows_of(rng, floats, n, dim, kind, "normal")
    exact = rng.standard_normal((queries, dim)).astype(np.float32)
    given = some, ready, rows, scales, exact, k, error_margin, bitmap_of(rng, n, density)
    counts = np.full((2, queries), -1, np.int32)
    found = native.scan_bounded(*given, compared=counts[0])
    same(found, reference.scan_bounded(*given, compared=counts[1]))
    same(found, native.scan_bounded(*given))
    assert counts[0].tolist() == counts[1].tolist(), "rows scored exactly"


def test_scan_bounded_rescores_in_between(native, reference, same, floats):
    """More rows than may wait: what was rescored first decides on the others."""
    rng = np.random.default_rng(5)
    some = codes_of(rng, floats, 10_000, 1, "normal")
    ready = queries_of(rng, floats, 1, 1, "normal")
    rows, scales = rows_of(rng, floats, 10_000, 8, "int8", "normal")
    exact = rng.standard_normal((1, 8)).astype(np.float32)
    given = some, ready, rows, scales, exact, 10, 0.5
    counts = np.full((2, 1), -1, np.int32)
    found = native.scan_bounded(*given, compared=counts[0])
    same(found, reference.scan_bounded(*given, compared=counts[1]))
    assert counts[0] == counts[1] > 10


def test_scan_bounded_finds_what_its_margin_allows(native):
    """It finds what an exact scan finds, though estimates alone would rank it too low."""
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((5_000, 128)).astype(np.float32)
    queries = rng.standard_normal((20, 128)).astype(np.float32)
    quantizer = Quantizer.create(vectors.mean(axis=0))
    given = quantizer.encode(vectors), quantizer.prepare(queries), vectors, None, queries, 10
    exact = native.scan_rows(vectors, None, queries, 10)[0]

    def share_found(error_margin):
        found = native.scan_bounded(*given, error_margin)[0]
        return np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)])

    share = [share_found(margin) for margin in (0.0, 2.0, 5.0)]
    assert share[0] < 0.9
    assert share[1] > 0.96
    assert share[2] == 1


DIMS = st.one_of(st.integers(1, 100), st.sampled_from([768, 769, 4096]))


@given(
    dim=DIMS,
    n=COUNTS,
    queries=TOGETHER,
    k=st.integers(1, 80),
    density=DENSITIES,
    kind=KINDS,
    flavour=FLAVOURS,
    seed=SEEDS,
)
@many
def test_scan_rows(
    native, reference, same, floats, dim, n, queries, k, density, kind, flavour, seed
):
    rng = np.random.default_rng(seed)
    rows, scales = rows_of(rng, floats, n, dim, kind, flavour)
    some = floats(rng, (queries, dim), flavour)
    allow = bitmap_of(rng, n, density)
    with np.errstate(all="ignore"):
        want = reference.scan_rows(rows, scales, some, k, allow)
        same(native.scan_rows(rows, scales, some, k, allow), want)


@given(
    dim=DIMS,
    n=COUNTS,
    queries=QUERIES,
    m=st.integers(0, 60),
    k=st.integers(1, 80),
    kind=KINDS,
    flavour=FLAVOURS,
    seed=SEEDS,
)
@many
def test_rescore(native, reference, same, floats, dim, n, queries, m, k, kind, flavour, seed):
    """Candidates may repeat, and end early."""
    rng = np.random.default_rng(seed)
    rows, scales = rows_of(rng, floats, n, dim, kind, flavour)
    some = floats(rng, (queries, dim), flavour)
    candidates = rng.integers(0, max(1, n), (queries, m)).astype(np.uint32)
    candidates[rng.random((queries, m)) < (0.2 if n else 1.1)] = NONE
    with np.errstate(all="ignore"):
        want = reference.rescore(rows, scales, some, candidates, k)
        same(native.rescore(rows, scales, some, candidates, k), want)
        bounds = floats(rng, (queries, m), flavour)
        want = reference.rescore(rows, scales, some, candidates, k, bounds)
        same(native.rescore(rows, scales, some, candidates, k, bounds), want)
        counts = np.full((2, queries), -1, np.int32)
        native.rescore(rows, scales, some, candidates, k, bounds, compared=counts[0])
        reference.rescore(rows, scales, some, candidates, k, bounds, compared=counts[1])
    assert counts[0].tolist() == counts[1].tolist()


@given(
    dim=DIMS,
    n=COUNTS,
    queries=TOGETHER,
    m=st.integers(0, 60),
    k=st.integers(1, 80),
    density=DENSITIES,
    added=st.booleans(),
    finer=st.booleans(),
    seed=SEEDS,
)
@many
def test_rows_with_factors_and_residuals(
    native, reference, same, dim, n, queries, m, k, density, added, finer, seed
):
    """Residuals decide between rows whose scores without them are near; all find the same."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, dim)).astype(np.float32)
    vectors[: n // 2] = vectors[0] + 0.01 * vectors[: n // 2] if n else vectors[:0]
    values, residuals, scales = reference.quantize_rows(vectors, finer)
    some = rng.standard_normal((queries, dim)).astype(np.float32)
    if added:
        scales = np.stack([scales, rng.standard_normal(n).astype(np.float32)], axis=1)
    allow = bitmap_of(rng, n, density)
    want = reference.scan_rows(values, scales, some, k, allow, residuals)
    same(native.scan_rows(values, scales, some, k, allow, residuals), want)
    candidates = rng.integers(0, max(1, n), (queries, m)).astype(np.uint32)
    candidates[rng.random((queries, m)) < (0.2 if n else 1.1)] = NONE
    for bounds in (None, rng.standard_normal((queries, m)).astype(np.float32)):
        given = values, scales, some, candidates, k, bounds, residuals
        same(native.rescore(*given), reference.rescore(*given))
    words = -(-dim // 64)
    codes = np.zeros((n, 8 * words + 8), np.uint8)
    codes[:, -8:] = rng.standard_normal((n, 2)).astype(np.float32).view(np.uint8).reshape(n, 8)
    ready = Prepared(
        np.ones((queries, 64 * words), np.int8),
        np.ones(queries, np.float32),
        np.zeros(queries, np.int32),
        np.zeros(queries, np.float32),
    )
    given = codes, ready, values, scales, some, k, 2.0, allow, residuals
    same(native.scan_bounded(*given), reference.scan_bounded(*given))


@pytest.mark.parametrize("queries", [1, 2, 50, 52])
def test_many_queries_read_rows_in_blocks(native, reference, same, queries):
    """Blocks are half a megabyte: 700 rows here."""
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((3_000, 768)).astype(np.float16)
    some = rng.standard_normal((queries, 768)).astype(np.float32)
    allow = bitmap_of(rng, 3_000, 0.5)
    for asked in ((rows, None, some, 7), (rows, None, some, 7, allow), (rows[:0], None, some, 7)):
        same(native.scan_rows(*asked), reference.scan_rows(*asked))


def test_large_k(native, reference, same):
    """All rows come back in order when more are asked for than exist."""
    rng = np.random.default_rng(3)
    rows = rng.integers(-5, 6, (5000, 8)).astype(np.float32)
    queries = rng.integers(-5, 6, (2, 8)).astype(np.float32)
    same(
        native.scan_rows(rows, None, queries, 6000),
        reference.scan_rows(rows, None, queries, 6000),
    )
