"""What searches cost: counted in what they read, at prices that were measured once.

So a comparison comes out the same on a busy machine. Prices are of one thread of an Intel Xeon
(Sapphire Rapids) and were not checked on other processors; each is a constant and what a byte adds.
"""

from __future__ import annotations

from tv5core.vectors.explaining import SegmentPlan
from tv5core.vectors.segment import CodedSegment

__all__ = ["cost_ns", "least_scan_ns"]

_WALKED, _WALKED_BYTE = 20.0, 0.2
"""Nanoseconds to read a code in a walk, anywhere in memory, and what else a walk does for it: 41 at
768 dimensions."""
_SCANNED, _SCANNED_BYTE = 9.5, 0.035
"""The same of a code in a scan, in order: 13 at 768 dimensions."""
_COMPARED, _COMPARED_BYTE = 60.0, 0.18
"""To compare a stored row anywhere in memory: 200 for 768 bytes."""
_IN_ORDER, _IN_ORDER_BYTE = 2.0, 0.08
"""To compare stored rows in order: 63 for 768 bytes."""
_HAMMING = 1_600.0
"""For each row that a walk of live rows has to find."""


def cost_ns(segment: CodedSegment, plan: SegmentPlan) -> float:
    """Return what one query costs in a segment, in nanoseconds."""
    code = int(segment.codes.shape[1])
    row = int(segment.rows.values.shape[1]) * segment.rows.values.dtype.itemsize
    if plan.plan == "exact":
        return plan.compared * (_IN_ORDER + _IN_ORDER_BYTE * row)
    if plan.plan == "walk" and not segment.sealed:
        return plan.compared * _HAMMING
    compared = plan.compared * (_COMPARED + _COMPARED_BYTE * row)
    if plan.plan == "scan":
        return plan.visited * (_SCANNED + _SCANNED_BYTE * code) + compared
    return plan.visited * (_WALKED + _WALKED_BYTE * code) + compared


def least_scan_ns(segment: CodedSegment, rows: int) -> float:
    """Return what a scan of the codes of so many rows costs that compares next to none."""
    return rows * (_SCANNED + _SCANNED_BYTE * int(segment.codes.shape[1]))
