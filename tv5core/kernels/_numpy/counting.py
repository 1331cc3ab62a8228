"""Documents counted by value."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._types import NONE, U8, U32, ValueLists

__all__ = ["count_values"]


def count_values(lists: ValueLists, mask: int, bits: U8, n: int, groups: int) -> U32:
    """Count the documents of a bitmap by the groups of their values.

    Parameters
    ----------
    lists : ValueLists
    mask : int
        Bits of roles, 0 to 255: a value counts if one of them is set in its role; ignored where
        there are no roles.
    bits : uint8[>= n / 8]
        Bitmap in little bit order.
    n : int
        Documents.
    groups : int
        Number of groups; a value of another group is skipped.

    Returns
    -------
    uint32[groups]
        With groups, a document counts once for values of one group that follow each other.
    """
    documents = np.flatnonzero(np.unpackbits(bits, count=n, bitorder="little"))
    places, owners = _places(lists, documents)
    found = lists.values[places].astype(np.int64)
    if lists.roles is not None:
        kept = (lists.roles[places] & mask) != 0
        found, owners = found[kept], owners[kept]
    if lists.groups is not None:
        known = found < len(lists.groups)
        found, owners = lists.groups[found[known]].astype(np.int64), owners[known]
    within = (found < groups) & (found != NONE)
    found, owners = found[within], owners[within]
    if len(found) > 1 and lists.groups is not None:
        again = (found[1:] == found[:-1]) & (owners[1:] == owners[:-1])
        found = found[np.concatenate([[True], ~again])]
    return np.bincount(found, minlength=groups).astype(np.uint32)


def _places(lists: ValueLists, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the values of documents are, and whose each is."""
    total = len(lists.values)
    if lists.offsets is None:
        documents = documents[documents < total]
        return documents, documents
    begin = lists.offsets[documents].astype(np.int64)
    end = np.minimum(lists.offsets[documents + 1].astype(np.int64), total)
    lengths = np.maximum(end - begin, 0)
    ends = np.cumsum(lengths)
    count = int(ends[-1]) if len(ends) else 0
    places = np.arange(count) + np.repeat(begin - (ends - lengths), lengths)
    return places, np.repeat(documents, lengths)
