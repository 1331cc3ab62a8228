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


@given(drawn(), st.integers(0, 2**32))
@many
def test_offsets_that_point_anywhere_do_no_harm(native, case, seed):
    lists, mask, bits, n, groups = case
    rng = np.random.default_rng(seed)
    offsets = rng.integers(0, 2**32, n + 1).astype(np.uint32)
    offsets[rng.integers(0, 2, n + 1) == 0] //= 2**24
    counts = native.count_values(lists._replace(offsets=offsets), mask, bits, n, groups)
    assert counts.sum() <= n * len(lists.values)


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
