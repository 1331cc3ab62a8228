"""Selecting links: every native backend against the reference, and that against the rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tv5core.kernels import NONE, LinkRows


def rows_of(reference, rng, n, dim, equal, spare=3):
    """Draw rows at random positions, some of them equal: distances tie and are zero."""
    vectors = rng.standard_normal((n + spare, dim)).astype(np.float32)
    vectors[rng.random(n + spare) < equal] = vectors[0]
    values, scales = reference.quantize_i8(vectors)
    sums = np.einsum("ij,ij->i", values, values, dtype=np.int32).astype(np.float32)
    places = rng.permutation(n + spare)[:n].astype(np.uint32)
    return LinkRows(values, scales, sums * (scales * scales), places)


def links_of(rng, n, degree, rows=None):
    """Lists of any length, with repeats, links to the row itself, and ends beyond the rows."""
    links = rng.integers(0, n, (n if rows is None else rows, degree)).astype(np.uint32)
    links[np.arange(degree) >= rng.integers(0, degree + 1, (len(links), 1))] = NONE
    links[rng.random(links.shape) < 0.02] = n
    return links


def reverse_of(rng, n):
    """Draw targets, and sources to link each of them to, with repeats."""
    targets = np.flatnonzero(rng.random(n) < 0.6).astype(np.uint32)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 9, len(targets)))])
    return targets, offsets, rng.integers(0, n, offsets[-1]).astype(np.uint32)


def apart(rows):
    """Squared distances between all rows of the graph."""
    restored = rows.values[rows.positions] * rows.scales[rows.positions][:, None].astype(np.float64)
    return ((restored[:, None] - restored[None]) ** 2).sum(axis=2)


@given(
    n=st.integers(1, 120),
    dim=st.sampled_from([8, 31, 33, 64, 100, 768]),
    degree=st.integers(1, 12),
    width=st.integers(0, 30),
    equal=st.sampled_from([0.0, 0.1, 0.9]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_paths_agree(native, reference, n, dim, degree, width, equal, seed):
    rng = np.random.default_rng(seed)
    rows, links = rows_of(reference, rng, n, dim, equal), links_of(rng, n, degree)
    pruned = int(rng.integers(1, degree + 1))
    most = int(rng.integers(pruned, degree + 1))
    start = int(rng.integers(0, n + 1))
    candidates = links_of(rng, n, width, int(rng.integers(0, n - start + 1)))
    targets, offsets, sources = reverse_of(rng, n)
    first, last = sorted(int(x) for x in rng.integers(0, len(targets) + 1, 2))
    made = []
    for made_by in (native, reference):
        mine = links.copy()
        linker = made_by.linker(rows, mine, pruned, most)
        linker.select_neighbors(candidates, start)
        chosen = mine.copy()
        linker.add_reverse_links(targets, offsets, sources, first, last)
        made.append((chosen, mine))
    assert np.array_equal(made[0][0], made[1][0])
    assert np.array_equal(made[0][1], made[1][1])


def test_keeps_the_relative_neighbours(native, reference):
    """Each link kept is closer to the row than to any closer link; each one dropped is not."""
    rng = np.random.default_rng(3)
    rows = rows_of(reference, rng, 60, 16, 0)
    links = np.full((60, 60), NONE, np.uint32)
    everyone = np.tile(np.arange(60, dtype=np.uint32), (60, 1))
    native.linker(rows, links, 60, 60).select_neighbors(everyone, 0)
    distances = apart(rows)
    for row, chosen in enumerate(links):
        kept = chosen[chosen != NONE].astype(int)
        for other in set(range(60)) - {row}:
            nearer = [k for k in kept if distances[row, k] < distances[row, other]]
            free = all(distances[other, k] >= distances[row, other] for k in nearer)
            assert (other in kept) == free


def test_equal_rows_leave_room_for_others(native, reference):
    rng = np.random.default_rng(4)
    rows = rows_of(reference, rng, 40, 64, 0, spare=0)
    rows = rows._replace(positions=np.arange(40, dtype=np.uint32))
    for part in rows[:3]:
        part[:20] = part[0]
    links = np.full((40, 8), NONE, np.uint32)
    native.linker(rows, links, 8, 8).select_neighbors(np.arange(40, dtype=np.uint32)[None], 0)
    assert (links[0] < 20).sum() == 4
    assert (links[1:] == NONE).all()


def test_links_are_added_while_there_is_room(native, reference):
    """Up to the limit they are only added; past it the rule decides among all."""
    rng = np.random.default_rng(5)
    rows = rows_of(reference, rng, 30, 64, 0)
    links = np.full((30, 6), NONE, np.uint32)
    links[7, :2] = 3, 4
    linker = native.linker(rows, links, 2, 5)
    target, sources = np.array([7], np.uint32), np.array([4, 7, 9, 9, 8], np.uint32)
    linker.add_reverse_links(target, np.array([0, 5]), sources, 0, 1)
    assert links[7].tolist() == [3, 4, 9, 8, NONE, NONE]
    linker.add_reverse_links(target, np.array([0, 2]), np.array([10, 11], np.uint32), 0, 1)
    kept = links[7][links[7] != NONE].astype(int)
    among = [3, 4, 9, 8, 10, 11]
    distances = apart(rows)
    assert kept[0] == min(among, key=lambda other: distances[7, other])
    assert len(kept) <= 2
    assert set(kept) <= set(among)


def test_nothing_to_add_trims_what_is_past_the_limit(native, reference):
    rng = np.random.default_rng(6)
    rows = rows_of(reference, rng, 30, 64, 0)
    links = np.full((30, 6), NONE, np.uint32)
    links[0], links[1, :3] = np.arange(1, 7), [4, 5, 6]
    linker = native.linker(rows, links, 3, 3)
    linker.add_reverse_links(
        np.arange(2, dtype=np.uint32), np.zeros(3, np.int64), np.empty(0, np.uint32), 0, 2
    )
    assert (links[0] != NONE).sum() <= 3
    assert links[1].tolist() == [4, 5, 6, NONE, NONE, NONE]


GOOD = {"pruned_degree": 2, "max_degree": 4, "start": 0, "stop": 3, "at": 0}


@pytest.mark.parametrize(
    "bad",
    [
        {"pruned_degree": 0},
        {"max_degree": 1},
        {"max_degree": 5},
        {"links": np.zeros((9, 4), np.uint32)},
        {"links": np.zeros((10, 4), np.int64)},
        {"positions": np.full(10, 13, np.uint32)},
        {"squares": np.zeros(12, np.float32)},
        {"at": 8},
        {"at": -1},
        {"candidates": np.zeros((3, 2), np.int64)},
        {"start": -1},
        {"stop": 4},
        {"start": 3, "stop": 2},
        {"targets": np.array([1, 1, 2], np.uint32)},
        {"targets": np.array([1, 5, 10], np.uint32)},
        {"offsets": np.arange(3)},
        {"offsets": np.array([0, 2, 1, 3])},
        {"offsets": np.array([0, 1, 2, 7])},
        {"offsets": np.array([-1, 1, 2, 3])},
        {"sources": np.full(6, 10, np.uint32)},
    ],
    ids=str,
)
def test_rejects(native, reference, bad):
    rng = np.random.default_rng(6)
    given_ = {
        **GOOD,
        "links": links_of(rng, 10, 4),
        "candidates": np.zeros((3, 2), np.uint32),
        "targets": np.array([1, 5, 9], np.uint32),
        "offsets": np.array([0, 2, 4, 6]),
        "sources": np.zeros(6, np.uint32),
    }
    rows = rows_of(reference, rng, 10, 64, 0)
    link(native, rows, given_)
    given_ |= bad
    rows = rows._replace(**{name: given_[name] for name in ("positions", "squares") if name in bad})
    with pytest.raises((ValueError, TypeError), match=r"expected .* got"):
        link(native, rows, given_)


def link(native, rows, given_):
    linker = native.linker(rows, given_["links"], given_["pruned_degree"], given_["max_degree"])
    linker.select_neighbors(given_["candidates"], given_["at"])
    both = given_["targets"], given_["offsets"], given_["sources"]
    linker.add_reverse_links(*both, given_["start"], given_["stop"])
