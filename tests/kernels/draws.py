"""Random inputs of scans and walks: bitmaps, prepared queries, codes, stored rows, graphs."""

from __future__ import annotations

import numpy as np

from tv5core.kernels import LINK_SLACK, NONE, PackedLinks, Prepared, RowFilter


def bitmap_of(rng, n, density):
    """Make a bitmap with set bits, and some bytes, past the last row."""
    if density is None:
        return None
    bits = rng.random(n) < density
    padded = np.append(bits, np.ones(-n % 8 + 8, bool))
    return np.packbits(padded, bitorder="little")


def filter_of(rng, n, density):
    """Make a filter with room and budget for any part of a walk, also for none of it."""
    allow = bitmap_of(rng, n, density)
    if allow is None:
        return None
    allowed = int(np.unpackbits(allow, bitorder="little")[:n].sum())
    bridges, budget = rng.choice([0, 1, 7, 60, 1_000]), rng.choice([0, 5, 40, 200, 10_000])
    return RowFilter(allow, allowed, int(bridges), int(budget))


def queries_of(rng, floats, n, words, flavour):
    values = rng.integers(-127, 128, (n, 64 * words)).astype(np.int8)
    return Prepared(
        values,
        np.abs(floats(rng, (n,), flavour)),
        values.sum(axis=1, dtype=np.int32),
        floats(rng, (n,), "integers"),
    )


def codes_of(rng, floats, n, words, flavour):
    bits = rng.integers(0, 256, (n, 8 * words), np.uint8)
    # Few different rows, so that there are ties.
    bits = bits[rng.integers(0, max(1, n // 2), n)] if n else bits
    factors = floats(rng, (n, 2), flavour).view(np.uint8).reshape(n, 8)
    return np.ascontiguousarray(np.concatenate([bits, factors], axis=1))


def rows_of(rng, floats, n, dim, kind, flavour):
    if kind == "int8":
        values = rng.integers(-127, 128, (n, dim)).astype(np.int8)
        return values[rng.integers(0, max(1, n // 2), n)] if n else values, floats(
            rng, (n,), flavour
        )
    with np.errstate(over="ignore"):
        return floats(rng, (n, dim), flavour).astype(kind), None


def links_of(rng, rows, width, below):
    """Draw neighbour lists of any length, padded with NONE."""
    links = rng.integers(0, below, (rows, width)).astype(np.uint32)
    links[np.arange(width) >= rng.integers(0, width + 1, (rows, 1))] = NONE
    return links


def packed_of(rng, records, links, words, damaged=False):
    """Pack padded links; each record says where its own are. Some places and links lead nowhere."""
    n, degree = links.shape
    width = int(rng.integers(1 if n < 255 else 2, 5))
    there = links != NONE
    counts = there.sum(axis=1)
    values = links[there].astype("<u4")
    if damaged:
        values[rng.random(len(values)) < 0.05] = rng.integers(0, 2**32)
    data = values.view(np.uint8).reshape(-1, 4)[:, :width].ravel()
    places = (np.cumsum(counts) - counts).astype(np.uint64) | counts.astype(np.uint64) << 48
    if damaged:
        places[rng.random(n) < 0.1] = rng.integers(0, 2**64, dtype=np.uint64)
    records[:, 8 * words + 8 : 8 * words + 16] = places.view(np.uint8).reshape(n, 8)
    slack = np.full(LINK_SLACK, 255, np.uint8)
    return PackedLinks(np.concatenate([data, slack]), width, degree)


def graph_of(rng, floats, n, words, degree, lists, flavour, packed=None):
    """Draw a graph whose first rows form lists of any length, none of them empty.

    Its links are packed where ``packed`` is ``"whole"`` or ``"damaged"``.
    """
    lists = min(lists, n)
    offsets = np.sort(rng.choice(np.arange(1, n + 1), lists, replace=False))
    padding = int(rng.integers(8 if packed else 0, 25))
    some, centroids = (
        np.hstack([codes_of(rng, floats, m, words, flavour), rng.integers(0, 256, (m, padding))])
        for m in (n, lists)
    )
    some, links = some.astype(np.uint8), links_of(rng, n, degree, n)
    if packed:
        links = packed_of(rng, some, links, words, packed == "damaged")
    return (
        some,
        links,
        centroids.astype(np.uint8),
        np.append(0, offsets).astype(np.uint32),
        int(rng.integers(1, lists + 1)),
        64 * words,
    )
