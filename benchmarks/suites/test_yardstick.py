"""Work that is none of tv5core's: what changes in it between two runs is the machine.

``python -m benchmarks compare`` takes the largest change among these for noise that every
benchmark of the two runs has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

BYTES = np.arange(8 << 20, dtype=np.uint8)  # more than caches of a core hold

WORK: dict[str, tuple[Callable[[], Any], Any]] = {
    "interpreter": (lambda: sum([n * n for n in range(10_000)]), 333_283_335_000),
    "processor": (
        lambda: hashlib.blake2b(BYTES[: 1 << 18].data, digest_size=4).hexdigest(),
        hashlib.blake2b(bytes(range(256)) * 1_024, digest_size=4).hexdigest(),
    ),
    "memory": (lambda: int(np.sum(BYTES.view(np.uint64))), int(np.sum(BYTES.view(np.uint64)))),
}


@pytest.mark.parametrize("kind", WORK)
def test_yardstick(benchmark: Any, kind: str) -> None:
    """Time work that no change to tv5core touches."""
    work, wanted = WORK[kind]
    benchmark.group = f"yardstick: {kind}"
    assert benchmark(work) == wanted
