"""Documents counted by value: every backend counts what a plain loop counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tv5core.kernels import NONE, ValueLists

many = settings(deadline=None, max_examples=150, derandomize=True)


def counted(lists, mask, bits, n, groups):
    """Count one value after the other."""
    counts = [0] * groups
    for document in np.flatnonzero(np.unpackbits(bits, bitorder="little")[:n]).tolist():
        begin, end = document, document + 1
        if lists.offsets is not None:
            begin, end = (int(x) for x in lists.offsets[document : document + 2])
        last = None
        for place in range(begin, min(end, len(lists.values))):
            if lists.roles is not None and not int(lists.roles[place]) & mask:
                continue
            group = int(lists.values[place])
            if lists.groups is not None:
                group = int(lists.groups[group]) if group < len(lists.groups) else NONE
            if group < groups and (group != last or lists.groups is None):
                counts[group] += 1
            last = group if group < groups else last
    return counts


@st.composite
def drawn(draw):
    n, groups = draw(st.integers(0, 140)), draw(st.sampled_from([0, 1, 5, 300]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    offsets, total = None, n
    if draw(st.booleans()):
        offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 5, n))]).astype(np.uint32)
        total = int(offsets[-1])
    kind = draw(st.sampled_from([np.uint8, np.uint16, np.uint32]))
    values = rng.integers(0, min(groups + 3, 256), total).astype(kind)
    roles = rng.integers(0, 8, total).astype(np.uint8) if draw(st.booleans()) else None
    named = None
    if draw(st.booleans()):
        named = np.sort(rng.integers(0, groups + 1, groups)).astype(np.uint32)
        named[rng.integers(0, 4, groups) == 0] = NONE
    bits = rng.integers(0, 256, -(-n // 8) + draw(st.integers(0, 2))).astype(np.uint8)
    return ValueLists(offsets, values, roles, named), draw(st.integers(0, 7)), bits, n, groups


@given(drawn())
@many
def test_count_values(any_backend, case):
    counts = any_backend.count_values(*case)
    assert counts.dtype == np.uint32
    assert counts.tolist() == counted(*case)


def whole(case):
    """Make the values of a case point where a column's do."""
    lists, _, _, n, groups = case
    most = max(groups, 1) - 1
    values = np.minimum(lists.values.astype(np.int64), most).astype(lists.values.dtype)
    return lists._replace(values=values, groups=None), n, max(groups, 1)


@given(drawn())
@many
def test_invert_values(any_backend, same, case):
    lists, n, count = whole(case)
    offsets = np.arange(n + 1) if lists.offsets is None else lists.offsets
    pairs = sorted(
        (int(lists.values[j]), d, int(lists.roles[j]) if lists.roles is not None else 0)
        for d in range(n) for j in range(int(offsets[d]), int(offsets[d + 1]))
    )  # fmt: skip
    ends, documents, roles = any_backend.invert_values(lists, n, count)
    assert (ends.dtype, documents.dtype) == (np.uint32, np.uint32)
    assert ends.tolist() == np.searchsorted([v for v, _, _ in pairs], range(count + 1)).tolist()
    assert documents.tolist() == [d for _, d, _ in pairs]
    assert (roles is None) == (lists.roles is None)
    if roles is not None:
        got = sorted(zip(documents.tolist(), roles.tolist(), strict=True))
        assert got == sorted((d, role) for _, d, role in pairs)


@given(drawn(), st.integers(0, 2**32))
@many
def test_take_values(any_backend, case, seed):
    lists, n, count = whole(case)
    rng = np.random.default_rng(seed)
    named = rng.integers(0, 2**32, count).astype(np.uint32)
    documents = rng.permutation(n)[: rng.integers(0, n + 1)].astype(np.int64)
    offsets = np.arange(n + 1) if lists.offsets is None else lists.offsets.astype(np.int64)
    lengths = np.diff(offsets)[documents]
    targets = np.concatenate([[0], np.cumsum(lengths)])
    values = np.zeros(targets[-1], np.uint32)
    roles = None if lists.roles is None else np.zeros(targets[-1], np.uint8)
    lists = lists._replace(groups=named)
    any_backend.take_values(lists, documents, targets[:-1].astype(np.uint32), values, roles)
    places = [j for d in documents.tolist() for j in range(offsets[d], offsets[d + 1])]
    assert values.tolist() == [int(named[lists.values[j]]) for j in places]
    if roles is not None:
        assert roles.tolist() == [int(lists.roles[j]) for j in places]


@given(drawn(), st.integers(0, 2**32))
@many
def test_offsets_that_point_anywhere_do_no_harm(native, case, seed):
    lists, mask, bits, n, groups = case
    rng = np.random.default_rng(seed)
    offsets = rng.integers(0, 2**32, n + 1).astype(np.uint32)
    offsets[rng.integers(0, 2, n + 1) == 0] //= 2**24
    lists = lists._replace(offsets=offsets)
    assert native.count_values(lists, mask, bits, n, groups).sum() <= n * len(lists.values)
    named = lists._replace(groups=np.arange(5, dtype=np.uint32))
    values, roles = np.zeros(50, np.uint32), np.zeros(50, np.uint8)
    targets = rng.integers(0, 60, n).astype(np.uint32)
    native.take_values(named, rng.permutation(n), targets, values, roles)
    native.invert_values(lists, n, 2**9)


def test_arguments_are_checked(native):
    values, bits = np.zeros(9, np.uint8), np.zeros(2, np.uint8)
    good = ValueLists(None, values)
    for lists, mask, some, n, groups in (
        (good, 256, bits, 9, 1), (good, -1, bits, 9, 1), (good, 0, bits, 17, 1),
        (good, 0, bits, -1, 1), (good, 0, bits, 9, -1),
        (good._replace(offsets=np.zeros(9, np.uint32)), 0, bits, 9, 1),
        (good._replace(roles=np.zeros(8, np.uint8)), 0, bits, 9, 1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            native.count_values(lists, mask, some, n, groups)
    for lists in (
        good._replace(values=values.astype(np.int8)),
        good._replace(values=values.astype(np.uint64)),
        good._replace(offsets=np.zeros(10, np.int32)),
        good._replace(groups=np.zeros(3, np.int32)),
    ):
        with pytest.raises(TypeError, match="expected"):
            native.count_values(lists, 0, bits, 9, 1)
    with pytest.raises(ValueError, match="expected"):
        native.invert_values(good._replace(values=values + 5), 9, 5)
    named, out = good._replace(groups=np.zeros(1, np.uint32)), np.zeros(9, np.uint32)
    one, two = np.zeros(1, np.int64), np.zeros(2, np.uint32)
    for lists, documents, targets in (
        (named, one + 9, two[:1]), (named, one - 1, two[:1]), (named, one, two),
        (good, one, two[:1]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            native.take_values(lists, documents, targets, out, None)
