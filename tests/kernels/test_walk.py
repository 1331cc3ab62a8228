"""The walk and the search around it: every backend finds what the reference finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.draws import filter_of, graph_of, queries_of
from tv5core.kernels import NONE, Prepared
from tv5core.vectors.quantizer import Quantizer

FINITE = st.sampled_from(["normal", "zeros", "constant", "integers", "spike"])
WORDS = st.one_of(st.integers(1, 6), st.sampled_from([12, 16, 33, 64]))
DENSITIES = st.sampled_from([None, 0.0, 0.02, 0.5, 0.95, 1.0])
QUERIES = st.integers(0, 3)
SEEDS = st.integers(0, 2**32 - 1)


@given(
    words=WORDS,
    n=st.integers(1, 150),
    degree=st.integers(1, 12),
    lists=st.integers(1, 9),
    queries=QUERIES,
    pool=st.one_of(st.integers(1, 12), st.integers(1, 200)),
    candidates=st.integers(1, 40),
    density=DENSITIES,
    flavour=FINITE,
    k=st.integers(1, 40),
    error_margin=st.sampled_from([None, 0.0, 0.2, 1.0, 5.0, np.inf]),
    packed=st.sampled_from([None, "whole", "damaged"]),
    seed=SEEDS,
)
@settings(deadline=None, max_examples=120, derandomize=True)
def test_walk(
    native,
    reference,
    same,
    floats,
    words,
    n,
    degree,
    lists,
    queries,
    pool,
    candidates,
    density,
    flavour,
    k,
    error_margin,
    packed,
    seed,
):
    rng = np.random.default_rng(seed)
    parts = graph_of(rng, floats, n, words, degree, lists, flavour, packed)
    ready = queries_of(rng, floats, queries, words, "normal")
    given = ready, pool, candidates, filter_of(rng, n, density), min(k, candidates), error_margin
    same(native.graph(*parts).walk(*given), reference.graph(*parts).walk(*given))


def test_walk_again(native, same, floats):
    """What one walk leaves behind does not change the next."""
    rng = np.random.default_rng(5)
    parts = graph_of(rng, floats, 60, 1, 6, 1, "integers")
    ready = queries_of(rng, floats, 50, 1, "normal")
    graph = native.graph(*parts)
    first = graph.walk(ready, 8, 4)
    same(graph.walk(ready, 8, 4), first)
    for i in range(50):
        one = native.graph(*parts).walk(Prepared(*[part[i : i + 1] for part in ready]), 8, 4)
        same(one, tuple(part[i : i + 1] for part in first))


def test_a_walk_ends_out_of_reach(native, floats):
    """Nothing further behind the answer asked for than the margin allows is returned or read on."""
    rng = np.random.default_rng(8)
    some, links, centroids, offsets, _, bits = graph_of(rng, floats, 3_000, 4, 8, 9, "normal")
    factors = np.tile(np.array([0, 0.05], np.float32), (len(some), 1))
    some[:, bits // 8 : bits // 8 + 8] = factors.view(np.uint8)
    graph = native.graph(some, links, centroids, offsets, 1, bits)
    ready = queries_of(rng, floats, 20, 4, "normal")
    ready = ready._replace(scale=np.full(20, 0.02, np.float32))
    all_rows, every, read = graph.walk(ready, 400, 400)
    rows, scores, less = graph.walk(ready, 400, 400, None, 5, 2.0)
    error = graph.upper_bounds(ready, all_rows, np.zeros_like(every), 2.0)[:, :1]
    assert less.sum() < 0.9 * read.sum()
    for i in range(20):
        there = rows[i] != NONE
        assert 5 <= there.sum() < 400
        assert (scores[i][there] >= scores[i][4] - error[i] * 1.0001).all()
    wide = graph.walk(ready, 400, 400, None, 5, 1e9)
    np.testing.assert_array_equal(wide[0], all_rows)
    np.testing.assert_array_equal(wide[2], read)


def test_links_out_of_range(native, floats):
    """Links that lead nowhere, as in a damaged file, end a list."""
    rng = np.random.default_rng(6)
    some, links, centroids, _, _, bits = graph_of(rng, floats, 50, 2, 6, 2, "normal")
    links[:, 0] = 50, 2**31, *[NONE] * 48
    offsets = np.array([0, 1, 2], np.uint32)
    graph = native.graph(some, links, centroids, offsets, 2, bits)
    rows, _, read = graph.walk(queries_of(rng, floats, 2, 2, "normal"), 8, 4)
    assert [sorted(found) for found in rows.tolist()] == [[0, 1, NONE, NONE]] * 2
    assert read.tolist() == [4, 4]


def test_begins_at_the_best_of_the_nearest_lists(native, floats):
    """With no links, a walk finds the 64 rows, of two lists, that are best by the query's signs."""
    rng = np.random.default_rng(7)
    some, links, centroids, offsets, _, bits = graph_of(rng, floats, 900, 2, 4, 6, "normal")
    links[:] = NONE
    ready = queries_of(rng, floats, 5, 2, "normal")
    got = native.graph(some, links, centroids, offsets, 2, bits).walk(ready, 300, 300)
    for i in range(5):

        def best(codes, n, i=i):
            width = bits // 8
            signs_of_rows = np.unpackbits(codes[:, :width], axis=1, bitorder="little") * 2.0 - 1
            add, rescale = codes[:, width : width + 8].copy().view(np.float32).T
            signs = np.where(ready.values[i] >= 0, 1, -1)
            unit = np.abs(ready.values[i].astype(int)).mean() * ready.scale[i]
            return np.argsort(-(add + rescale * unit * (signs_of_rows @ signs)), kind="stable")[:n]

        rows = np.concatenate(
            [np.arange(offsets[c], offsets[c + 1]) for c in best(centroids, 2).tolist()]
        )
        assert set(got[0][i].tolist()) - {NONE} == set(rows[best(some[rows], 64)].tolist())
        assert got[2][i] == 6 + len(rows)


@given(
    dim=st.sampled_from([8, 63, 64, 100, 768]),
    n=st.sampled_from([1, 2, 40, 300]),
    queries=QUERIES,
    pool=st.integers(1, 60),
    candidates=st.integers(1, 60),
    k=st.integers(1, 20),
    density=DENSITIES,
    kind=st.sampled_from([np.int8, np.float16, np.float32]),
    seed=SEEDS,
)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_fused_search(
    native, reference, same, floats, dim, n, queries, pool, candidates, k, density, kind, seed
):
    """One call equals preparing, walking and rescoring, one after another, and the reference."""
    rng = np.random.default_rng(seed)
    words = -(-dim // 64)
    parts = graph_of(rng, floats, n, words, 6, 2, "normal")
    center = rng.standard_normal(dim).astype(np.float32)
    signs = (2 * rng.integers(0, 2, (4, 64 * words)) - 1).astype(np.float32)
    vectors = rng.standard_normal((n, dim)).astype(np.float32)
    rows, scales = (
        reference.quantize_i8(vectors) if kind is np.int8 else (vectors.astype(kind), None)
    )
    probes = rng.standard_normal((queries, dim)).astype(np.float32)
    row_filter = filter_of(rng, n, density)
    stored, given = (center, signs, rows, scales), (probes, pool, candidates, k, row_filter)
    graph, oracle = native.graph(*parts), reference.graph(*parts).searcher(*stored)
    searcher = graph.searcher(*stored)
    found = searcher.search(*given)
    ready = native.prepare(probes, center, signs)
    some, _, _ = graph.walk(ready, pool, candidates, row_filter)
    same(found, native.rescore(rows, scales, probes, some, k))
    same(found, oracle.search(*given))
    bounded = searcher.search(*given, error_margin=0.5)
    same(bounded, oracle.search(*given, error_margin=0.5))
    some, estimates, _ = graph.walk(ready, pool, candidates, row_filter, min(k, candidates), 0.5)
    bounds = graph.upper_bounds(ready, some, estimates, 0.5)
    same((bounds,), (reference.graph(*parts).upper_bounds(ready, some, estimates, 0.5),))
    same(bounded, native.rescore(rows, scales, probes, some, k, bounds))


@given(
    words=st.sampled_from([1, 2, 5, 12]),
    n=st.sampled_from([1, 40, 300]),
    queries=QUERIES,
    pool=st.integers(1, 60),
    candidates=st.integers(1, 60),
    k=st.integers(1, 20),
    padded=st.booleans(),
    seed=SEEDS,
)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_fused_search_of_rotated_rows(
    native, reference, same, floats, words, n, queries, pool, candidates, k, padded, seed
):
    """Rescoring takes the query that was rotated for the walk, plus the rotated centre."""
    rng = np.random.default_rng(seed)
    dim = 64 * words - 7 * padded
    parts = graph_of(rng, floats, n, words, 6, 2, "normal")
    center = rng.standard_normal(dim).astype(np.float32)
    signs = (2 * rng.integers(0, 2, (4, 64 * words)) - 1).astype(np.float32)
    rows, scales = reference.quantize_i8(rng.standard_normal((n, 64 * words)).astype(np.float32))
    probes = rng.standard_normal((queries, dim)).astype(np.float32)
    rotated_center = native.rotate(center[None], np.zeros_like(center), signs)[0]
    stored, given = (center, signs, rows, scales, rotated_center), (probes, pool, candidates, k)
    graph = native.graph(*parts)
    same(
        graph.searcher(*stored, center).search(*given, error_margin=1.0),
        reference.graph(*parts).searcher(*stored, center).search(*given, error_margin=1.0),
    )
    found = graph.searcher(*stored).search(*given)
    some, _, _ = graph.walk(native.prepare(probes, center, signs), pool, candidates)
    rotated = native.rotate(probes, center, signs) + rotated_center
    same(found, native.rescore(rows, scales, rotated, some, k))
    same(found, reference.graph(*parts).searcher(*stored).search(*given))


@given(
    words=st.sampled_from([1, 2, 12]),
    padded=st.booleans(),
    finer=st.booleans(),
    same_center=st.booleans(),
    margin=st.sampled_from([None, 0.5, 3.0]),
    seed=SEEDS,
)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_fused_search_of_centred_rows(
    native, reference, same, floats, words, padded, finer, same_center, margin, seed
):
    """What rows leave out is in every score, and bounds are compared without it."""
    rng = np.random.default_rng(seed)
    dim, n = 64 * words - 7 * padded, 200
    center = 3 * rng.standard_normal(dim).astype(np.float32)
    left_out = center if same_center else center + rng.standard_normal(dim).astype(np.float32)
    signs = (2 * rng.integers(0, 2, (4, 64 * words)) - 1).astype(np.float32)
    vectors = center + rng.standard_normal((n, dim)).astype(np.float32)
    quantizer = Quantizer(center, signs)
    parts = graph_of(rng, floats, n, words, 6, 2, "normal")
    parts = (quantizer.encode(vectors), parts[1], quantizer.encode(vectors[:2]), *parts[3:])
    parts = (*parts[:3], np.array([0, 5, 9], np.uint32), 2, parts[5])
    shift = None if padded else native.rotate((center - left_out)[None], 0 * center, signs)[0]
    framed = vectors - left_out if padded else native.rotate(vectors, left_out, signs)
    values, residuals, scales = native.quantize_rows(framed, finer)
    added = (vectors - left_out) @ left_out
    factors = np.stack([scales, added], axis=1).astype(np.float32)
    stored = (center, signs, values, factors, shift, left_out, residuals)
    queries = center + rng.standard_normal((3, dim)).astype(np.float32)
    given = (queries, n, n, 5, None, margin)
    got = native.graph(*parts).searcher(*stored).search(*given)
    same(got, reference.graph(*parts).searcher(*stored).search(*given))
    there = got[0] != NONE
    true = np.take_along_axis(queries @ vectors.T, np.where(there, got[0], 0).astype(int), 1)
    room = (0.02 if finer else 2.0) * np.sqrt(dim) / 10
    np.testing.assert_allclose(got[1][there], true[there], atol=room, rtol=1e-5)
