"""Documents counted by value, and values arranged anew."""

from __future__ import annotations

import numpy as np

from tv5core.kernels._types import I64, NONE, U8, U32, ValueLists

__all__ = ["count_values", "invert_values", "take_values"]


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
    within = found < groups
    found, owners = found[within], owners[within]
    if len(found) > 1 and lists.groups is not None:
        again = (found[1:] == found[:-1]) & (owners[1:] == owners[:-1])
        found = found[np.concatenate([[True], ~again])]
    return np.bincount(found, minlength=groups).astype(np.uint32)


def invert_values(lists: ValueLists, n: int, count: int) -> tuple[U32, U32, U8 | None]:
    """Arrange documents by value.

    Parameters
    ----------
    lists : ValueLists
        With ascending offsets up to the number of values, and without groups.
    n : int
        Documents.
    count : int
        Number of values; none is at or above it.

    Returns
    -------
    ends : uint32[count + 1]
        Where the documents of each value begin.
    documents : uint32[m]
        Ascending within a value.
    roles : uint8[m] or None
        Beside the documents.
    """
    places, owners = _places(lists, np.arange(n))
    order = np.argsort(lists.values[places], kind="stable")
    counts = np.bincount(lists.values, minlength=count)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    roles = None if lists.roles is None else lists.roles[places][order]
    return ends, owners[order].astype(np.uint32), roles


def take_values(
    lists: ValueLists, documents: I64, targets: U32, values: U32, roles: U8 | None
) -> None:
    """Copy the values of some documents, as what ``lists.groups`` says they become.

    Parameters
    ----------
    lists : ValueLists
        With groups.
    documents : int64[k]
    targets : uint32[k]
        Where the values of each go to.
    values : uint32[m]
        Is written; NONE for a value that no group has.
    roles : uint8[m] or None
        Is written beside, where there are roles.
    """
    places, owners = _places(lists, documents)
    lengths = np.diff(np.searchsorted(owners, np.arange(len(documents) + 1)))
    total = int(lengths.sum())
    into = np.arange(total) + np.repeat(
        targets.astype(np.int64) - (np.cumsum(lengths) - lengths), lengths
    )
    kept = into < len(values)
    found, into = lists.values[places[kept]].astype(np.int64), into[kept]
    named = np.append(lists.groups, np.uint32(NONE))  # type: ignore[arg-type]
    values[into] = named[np.minimum(found, len(named) - 1)]
    if lists.roles is not None and roles is not None:
        roles[into] = lists.roles[places[kept]]


def _places(lists: ValueLists, documents: I64) -> tuple[I64, I64]:
    """Return where the values of documents are, and the place of their document in the list."""
    total = len(lists.values)
    if lists.offsets is None:
        within = np.flatnonzero(documents < total)
        return documents[within], within
    begin = lists.offsets[documents].astype(np.int64)
    end = np.minimum(lists.offsets[documents + 1].astype(np.int64), total)
    lengths = np.maximum(end - begin, 0)
    ends = np.cumsum(lengths)
    count = int(ends[-1]) if len(ends) else 0
    places = np.arange(count) + np.repeat(begin - (ends - lengths), lengths)
    return places, np.repeat(np.arange(len(documents)), lengths)
