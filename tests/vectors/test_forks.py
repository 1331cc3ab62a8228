"""Forks while another thread changes an index: the child can go on with it."""

from __future__ import annotations

import os
import signal
import threading
import warnings

import numpy as np

from tv5core import VectorIndex

ROWS = np.random.default_rng(0).standard_normal((2_000, 32)).astype(np.float32)


def fork_and_wait(work: object) -> int:
    """Run something in a child that is killed where it takes too long; return its status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            work()  # type: ignore[operator]
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_a_child_adds_and_searches_while_the_parent_adds() -> None:
    index = VectorIndex.build(ROWS)
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            index.add(ROWS[:1_000], np.arange(10_000, 11_000))
            index.remove(np.arange(10_000, 10_500))

    def use() -> None:
        index.add(-ROWS[:1], [50_000])
        assert index.search(-ROWS[0], 1).keys[0] == 50_000
        index.remove([50_000])
        assert index.search(ROWS[7], 1).keys[0] in {7, 10_007}
        assert len(index) == len(index.keys()) == len(np.unique(index.keys()))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        assert [fork_and_wait(use) for _ in range(10)] == [0] * 10
    finally:
        stop.set()
        thread.join()
