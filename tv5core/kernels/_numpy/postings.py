"""Posting lists in NumPy: decode, count, score."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._types import (
    F32,
    I64,
    POSTING_BLOCK,
    U8,
    U32,
    U64,
    PostingBlocks,
    ScoredLists,
    ScoredWords,
)

__all__ = ["count_documents", "decode_postings", "score_postings"]


def decode_postings(blocks: PostingBlocks, starts: U32, counts: U32) -> tuple[U32, U8]:
    """Decode lists, one after another.

    Parameters
    ----------
    blocks : PostingBlocks
    starts : uint32[m]
        First block of each list.
    counts : uint32[m]
        Postings of each list.

    Returns
    -------
    documents : uint32[counts.sum()]
        In ascending order within a list.
    frequencies : uint8[counts.sum()]
        From 1; 255 stands for 255 or more.
    """
    sizes, block = _sizes(starts, counts)
    _check(blocks, sizes, block)
    total = int(sizes.sum())
    owner = np.repeat(np.arange(len(block)), sizes)  # which of the decoded blocks a posting is in
    place = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    values = _differences(blocks, block[owner], place)
    values[place == 0] = blocks.first[block]
    flagged = (values & 1).astype(bool)
    documents = _running_sums(values >> 1, sizes)
    frequencies = np.ones(total, np.uint8)
    base = blocks.offsets[block] + blocks.widths[block].astype(np.int64) * (sizes - 1)
    rank = np.cumsum(flagged) - flagged
    rank -= np.repeat(rank[np.cumsum(sizes) - sizes], sizes) if total else rank
    frequencies[flagged] = blocks.data[(base[owner] + rank)[flagged]]
    return documents.astype(np.uint32), frequencies


def count_documents(
    blocks: PostingBlocks, starts: U32, counts: U32, n: int, alive: U8 | None = None
) -> int:
    """Count the (alive) documents that are in any of some lists.

    Parameters
    ----------
    blocks, starts, counts
        As :func:`decode_postings` takes them.
    n : int
        Documents there are; what lists have past it does not count.
    alive : uint8[>= n / 8] or None
        Bitmap of documents to count, little bit order.
    """
    documents, _ = decode_postings(blocks, starts, counts)
    found = np.zeros(n, bool)
    found[documents[documents < n]] = True
    if alive is not None:
        found &= np.unpackbits(alive, count=n, bitorder="little").view(bool)
    return int(np.count_nonzero(found))


def score_postings(
    blocks: PostingBlocks,
    lists: ScoredLists,
    words: ScoredWords,
    essential: int,
    groups: int,
    lengths: U8,
    norms: F32,
    allow: U8 | None = None,
) -> tuple[U32, F32, U64]:
    """Score the documents of a query's lists by BM25F, for each group of fields.

    For one word and group, ``sum`` adds ``(frequency * norms[field, length]) * weight`` over the
    lists in their order; then ``scale * (sum / (saturation + sum))`` is added to the group's score.
    All in float32, in that order, so a document's scores do not depend on others.

    Parameters
    ----------
    blocks : PostingBlocks
    lists : ScoredLists
    words : ScoredWords
    essential : int
        How many of the words find documents; later ones only add to the scores of those.
    groups : int
    lengths : uint8[fields, n]
        Lengths of the documents' fields.
    norms : float32[fields, 256]
        What a frequency is multiplied with, by field and length.
    allow : uint8[>= n / 8] or None
        Bitmap of documents to score, little bit order.

    Returns
    -------
    documents : uint32[m]
        Those in any list of an essential word, in ascending order.
    scores : float32[groups, m]
    masks : uint64[groups, m]
        Bits of the words that a document has in the group's lists.
    """
    n = lengths.shape[1]
    scores, masks = np.zeros((groups, n), np.float32), np.zeros((groups, n), np.uint64)
    found = np.zeros(n, bool)
    begin = 0
    for word, end in enumerate(words.ends.tolist()):
        sums, touched = np.zeros(n, np.float32), np.zeros(n, bool)
        for i in range(begin, end):
            documents, frequencies = decode_postings(
                blocks, lists.starts[i : i + 1], lists.counts[i : i + 1]
            )
            known = documents < n
            documents, frequencies = documents[known], frequencies[known]
            field = int(lists.fields[i])
            norm = norms[field, lengths[field, documents]]
            sums[documents] += (frequencies.astype(np.float32) * norm) * lists.weights[i]
            touched[documents] = True
        if word < essential:
            found |= touched
        touched &= found
        begin, group = end, int(words.groups[word])
        some = sums[touched]
        scores[group, touched] += words.scales[word] * (some / (words.saturations[word] + some))
        masks[group, touched] |= np.uint64(1) << np.uint64(words.bits[word])
    if allow is not None:
        found &= np.unpackbits(allow, count=n, bitorder="little").view(bool)
    rows = np.flatnonzero(found).astype(np.uint32)
    return rows, np.ascontiguousarray(scores[:, rows]), np.ascontiguousarray(masks[:, rows])


def _sizes(starts: U32, counts: U32) -> tuple[I64, I64]:
    """Return the sizes and the numbers of all blocks of some lists."""
    many = -(-counts.astype(np.int64) // POSTING_BLOCK)
    place = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    sizes = np.minimum(np.repeat(counts.astype(np.int64), many) - POSTING_BLOCK * place, 128)
    return sizes, np.repeat(starts.astype(np.int64), many) + place


def _check(blocks: PostingBlocks, sizes: I64, block: I64) -> None:
    if len(block) and int(block.max()) >= len(blocks.first):
        raise ValueError(f"expected blocks below {len(blocks.first)}, got {int(block.max())}")
    begins, ends = (blocks.offsets[block + i].astype(np.int64) for i in (0, 1))
    least = blocks.widths[block] * (sizes - 1)
    wrong = (ends > len(blocks.data)) | (begins + least > ends) | (ends - begins - least > sizes)
    if wrong.any():
        raise ValueError(f"expected blocks of their sizes, got {int(wrong.sum())} of another")


def _differences(blocks: PostingBlocks, block: I64, place: I64) -> I64:
    """Read the values of postings that are not the first of their block; 0 for those."""
    widths = blocks.widths[block]
    address = blocks.offsets[block] + (place - 1) * widths
    values = np.zeros(len(place), np.int64)
    for byte in range(int(widths.max(initial=0))):
        there = (widths > byte) & (place > 0)
        values[there] |= blocks.data[address[there] + byte].astype(np.int64) << (8 * byte)
    return values


def _running_sums(steps: I64, sizes: I64) -> I64:
    """Add up steps within each block."""
    sums = np.cumsum(steps)
    ends = np.cumsum(sizes)
    before = np.where(ends > sizes, sums[ends - sizes - 1], 0) if len(sums) else ends
    found: I64 = sums - np.repeat(before, sizes)
    return found
