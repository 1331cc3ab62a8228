"""Comparison of results by bits."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["assert_same"]


def assert_same(got: Any, wanted: Any) -> None:
    """Compare arrays, or tuples of them, by type and bits."""
    if isinstance(wanted, tuple):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_same(one, other)
        return
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)
