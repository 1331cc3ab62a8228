"""Posting lists: every backend decodes, counts and scores what the reference does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.draws import bitmap_of
from tv5core.kernels import POSTING_BLOCK, PostingBlocks, ScoredLists, ScoredWords
from tv5core.lexical import blocks as codec

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.one_of(st.integers(1, 9), st.sampled_from([127, 128, 129, 256, 300, 1000]))
SPANS = st.sampled_from([1, 2, 100, 3000, 40_000, 10**6])

many = settings(deadline=None, max_examples=80, derandomize=True)


def lists_of(rng, sizes, span):
    """Draw lists whose documents are up to ``span`` apart; return them, and their blocks."""
    documents = [np.cumsum(rng.integers(1, span + 1, size)) - 1 for size in sizes]
    frequencies = [np.where(rng.random(n) < 0.3, rng.integers(1, 256, n), 1) for n in sizes]
    counts = np.array(sizes, np.int64)
    joined = [np.concatenate([np.zeros(0, np.int64), *x]) for x in (documents, frequencies)]
    encoded = codec.encode(counts, *joined)
    starts = np.cumsum(encoded.blocks) - encoded.blocks
    blocks = PostingBlocks(
        encoded.first, codec.offsets(encoded.sizes), encoded.widths, encoded.data
    )
    return documents, frequencies, blocks, starts.astype(np.uint32), counts.astype(np.uint32)


@given(sizes=st.lists(SIZES, max_size=5), span=SPANS, seed=SEEDS)
@many
def test_decode(any_backend, sizes, span, seed):
    rng = np.random.default_rng(seed)
    documents, frequencies, blocks, starts, counts = lists_of(rng, sizes, span)
    got, often = any_backend.decode_postings(blocks, starts, counts)
    assert (got.dtype, often.dtype) == (np.uint32, np.uint8)
    assert got.tolist() == [d for some in documents for d in some.tolist()]
    assert often.tolist() == [f for some in frequencies for f in some.tolist()]
    order = rng.permutation(len(sizes))
    got, _ = any_backend.decode_postings(blocks, starts[order], counts[order])
    assert got.tolist() == [d for i in order for d in documents[i].tolist()]


@given(sizes=st.lists(SIZES, max_size=5), span=st.integers(1, 50), short=st.booleans(), seed=SEEDS)
@many
def test_count(any_backend, sizes, span, short, seed):
    rng = np.random.default_rng(seed)
    documents, _, blocks, starts, counts = lists_of(rng, sizes, span)
    found = {d for some in documents for d in some.tolist()}
    n = max(found, default=0) + 1 - short * (max(found, default=0) // 2)
    assert any_backend.count_documents(blocks, starts, counts, n) == sum(d < n for d in found)
    alive = rng.random(n) < 0.5
    packed = np.packbits(np.append(alive, np.ones(9, bool)), bitorder="little")
    want = sum(bool(alive[d]) for d in found if d < n)
    assert any_backend.count_documents(blocks, starts, counts, n, packed) == want


def query_of(rng, lists, words, groups):
    """Draw words over all lists in their order, some with none."""
    ends = np.sort(rng.integers(0, lists + 1, words))
    if words:
        ends[-1] = lists
    return ScoredWords(
        ends.astype(np.uint32),
        rng.integers(0, groups, words).astype(np.uint8),
        rng.integers(0, 64, words).astype(np.uint8),
        rng.uniform(0.01, 9, words).astype(np.float32),
        rng.uniform(0.1, 2, words).astype(np.float32),
    )


@given(
    sizes=st.lists(SIZES, max_size=8),
    span=st.sampled_from([1, 3, 50, 2000]),
    words=st.integers(0, 6),
    groups=st.integers(1, 4),
    density=st.sampled_from([None, 0.0, 0.001, 0.5, 1.0]),
    seed=SEEDS,
)
@many
def test_score(native, reference, same, sizes, span, words, groups, density, seed):
    rng = np.random.default_rng(seed)
    documents, _, blocks, starts, counts = lists_of(rng, sizes if words else [], span)
    n = max((int(some[-1]) for some in documents), default=0) + 1
    n = int(rng.choice([n, n + 5, n + 5000, max(1, n // 2)]))
    lists = ScoredLists(
        starts,
        counts,
        rng.integers(0, 3, len(starts)).astype(np.uint8),
        rng.uniform(0.1, 2, len(starts)).astype(np.float32),
    )
    query = query_of(rng, len(starts), words, groups)
    lengths = rng.integers(0, 256, (3, n)).astype(np.uint8)
    norms = rng.uniform(0.01, 3, (3, 256)).astype(np.float32)
    given = (blocks, lists, query, int(rng.integers(0, words + 1)), groups, lengths, norms)
    allow = bitmap_of(rng, n, density)
    same(native.score_postings(*given, allow), reference.score_postings(*given, allow))


@given(
    n=st.integers(0, 400),
    k=st.integers(1, 60),
    flavour=st.sampled_from(["normal", "integers", "zeros", "bits"]),
    seed=SEEDS,
)
@many
def test_top_scores(native, reference, same, floats, n, k, flavour, seed):
    scores = floats(np.random.default_rng(seed), (n,), flavour)
    with np.errstate(all="ignore"):
        same(native.top_scores(scores, k), reference.top_scores(scores, k))


def valid():
    rng = np.random.default_rng(5)
    _, _, blocks, starts, counts = lists_of(rng, [300, 4], 400)
    return blocks, starts, counts


@pytest.mark.parametrize(
    "change",
    [
        lambda b, s, c: (b._replace(offsets=b.offsets[:-1].copy()), s, c),
        lambda b, s, c: (b._replace(widths=b.widths[:-1].copy()), s, c),
        lambda b, s, c: (b._replace(data=b.data[:-1].copy()), s, c),
        lambda b, s, c: (b._replace(widths=b.widths + np.uint8(200)), s, c),
        lambda b, s, c: (b._replace(offsets=b.offsets[::-1].copy()), s, c),
        lambda b, s, c: (b, s + np.uint32(2), c),
        lambda b, s, c: (b, s, c + np.uint32(3 * POSTING_BLOCK)),
        lambda b, s, c: (b, s[:-1].copy(), c),
    ],
)
def test_blocks_that_do_not_fit_are_refused(native, change):
    given = change(*valid())
    with pytest.raises(ValueError, match="expected"):
        native.decode_postings(*given)
    with pytest.raises(ValueError, match="expected"):
        native.count_documents(*given, 200_000)


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_are_read_without_harm(native, seed):
    """Damaged blocks of the right sizes give some answer: sums and bitmaps are not overrun."""
    rng = np.random.default_rng(seed)
    blocks, starts, counts = valid()
    broken = blocks._replace(
        data=rng.integers(0, 256, len(blocks.data), np.uint8),
        first=rng.integers(0, 2 ** int(rng.integers(1, 33)), len(blocks.first), np.uint32),
    )
    native.decode_postings(broken, starts, counts)
    assert native.count_documents(broken, starts, counts, 1000) <= 1000
    words = query_of(rng, 2, 2, 3)
    lists = ScoredLists(starts, counts, np.zeros(2, np.uint8), np.ones(2, np.float32))
    lengths, norms = np.ones((1, 5000), np.uint8), np.ones((1, 256), np.float32)
    found, _, _ = native.score_postings(broken, lists, words, 2, 3, lengths, norms)
    assert (found < 5000).all()
