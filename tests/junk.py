"""What nobody means to pass: values for tests that a method refuses, or takes, whatever it gets."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import hypothesis.extra.numpy as npst
import hypothesis.strategies as st
import numpy as np

__all__ = ["JUNK", "NOT_CALLABLE", "PATHS", "Unprintable", "make_files"]


class Unprintable:
    """An object of which an error message cannot show the ``repr``."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class NotAnArray:
    """An object that NumPy takes for an array, and fails to read."""

    def __array__(self, *_: object, **__: object) -> None:
        raise RuntimeError("no array")


ODD = [
    object(),
    NotAnArray(),
    Decimal("1.5"),
    2**63,
    2**64,
    2.5,
    float("nan"),
    1j,
    "cosine",
    b"int8",
    "\ud800",
    {1, 2},
    {"a": 1},
    [[1, 2], [3]],
    [1, "a"],
    [None],
    [[True]],
    [2**70],
    [1, 2**64],
    np.float32(3),
    np.int8(3),
    np.bool_(True),
    np.datetime64("2024-01-01"),
    np.str_("ip"),
    np.array(5),
    np.zeros((0, 8)),
    np.zeros((3, 0)),
    np.zeros((2, 2, 2)),
    np.array(["a", "b"]),
    np.zeros(3, "i4,f4"),
    np.ma.masked_array(np.ones((2, 16)), mask=True),
    np.ma.masked_array([1, 2], mask=[0, 1]),
    [np.ma.masked_array(np.ones(16), mask=True)],
    np.ma.masked,
    range(3),
    (i for i in range(3)),
    memoryview(b"12345678"),
    type,
]
ARRAYS = npst.arrays(
    st.one_of(npst.scalar_dtypes(), npst.nested_dtypes()),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=17),
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**62, 2**70),
    st.floats(),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.sampled_from(ODD),
    st.recursive(
        st.integers() | st.floats() | st.text(max_size=2) | st.none(), st.lists, max_leaves=8
    ),
    ARRAYS,
)
PATHS = st.sampled_from(
    [
        *("", "\0", b"x", 5, None, ["x"], "/proc/nothing", "/dev/null", "a" * 300, "\ud800"),
        *("file", "file/below", "folder", "manifest", "empty"),
    ]
)
"""Some of them as :func:`make_files` makes them."""

NOT_CALLABLE = JUNK.filter(lambda value: not callable(value) and value is not None)


def make_files() -> None:
    """Make files and folders in the working directory that are not what they should be."""
    for name in ("folder/index.json", "manifest", "empty"):
        Path(name).mkdir(parents=True)
    Path("manifest/index.json").write_text('{"dim": 10}')
    Path("file").write_text("")
