"""What the kernel tests share: backends to test, arrays of many kinds, comparison by bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tv5core import kernels

Array = npt.NDArray[Any]

NATIVE = kernels.available()[:-1]


@pytest.fixture(scope="session", params=kernels.available())
def any_backend(request: pytest.FixtureRequest) -> Any:
    """Give every backend of this processor, the reference among them."""
    return kernels.backend(request.param)


@pytest.fixture(scope="session", params=NATIVE or [pytest.param("", marks=pytest.mark.skip)])
def native(request: pytest.FixtureRequest) -> Any:
    """Give every compiled backend of this processor."""
    return kernels.backend(request.param)


@pytest.fixture(scope="session")
def reference() -> Any:
    """Give the reference, in NumPy."""
    return kernels.backend("numpy")


def same_bits(got: Any, want: Any) -> None:
    """Compare arrays (or tuples of them) by type, shape and bits; any NaN equals any other."""
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            same_bits(one, other)
        return
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    if want.dtype == np.float32:
        nan = np.isnan(want)
        np.testing.assert_array_equal(np.isnan(got), nan)
        got, want = (np.where(nan, 0, x).astype(np.float32).view(np.uint32) for x in (got, want))
    np.testing.assert_array_equal(got, want)


@pytest.fixture(scope="session")
def same() -> Callable[[Any, Any], None]:
    return same_bits


def floats_of(rng: np.random.Generator, shape: tuple[int, ...], flavour: str) -> Array:
    """Draw float32 of one kind, from all zeros to arbitrary bits."""
    normal = rng.standard_normal(shape)
    with np.errstate(over="ignore"):
        match flavour:
            case "normal":
                out = normal
            case "subnormal":
                out = normal * 1e-41
            case "huge":
                out = normal * 1e38
            case "wide":
                out = np.sign(normal) * np.exp2(rng.uniform(-149, 127, shape))
            case "zeros":
                out = np.where(normal > 0, 0.0, -0.0)
            case "constant":
                out = np.full(shape, 0.5)
            case "integers":
                out = rng.integers(-3, 4, shape)
            case "spike":
                out = np.where(rng.random(shape) < 0.01, normal, -0.0)
            case _:
                out = rng.integers(0, 2**32, shape, np.uint32).view(np.float32)
        return np.ascontiguousarray(out, np.float32)


@pytest.fixture(scope="session")
def floats() -> Callable[..., Array]:
    return floats_of
