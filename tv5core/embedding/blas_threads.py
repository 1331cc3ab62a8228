"""One thread for BLAS while a model is fitted.

The matrices are narrow, so threads win little, and where other work takes the cores they lose much:
they wait for each other in busy loops. On two busy cores fitting on 1,000 titles took 14 s with
OpenBLAS's two threads, and 1.7 s with one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_blas_thread"]

_lock = threading.Lock()
"""Held while the limit is set: it is the process's, and two callers would restore each other's."""


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread, in the whole process; one caller at a time."""
    from threadpoolctl import threadpool_limits

    with _lock, threadpool_limits(1, user_api="blas"):
        yield


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
