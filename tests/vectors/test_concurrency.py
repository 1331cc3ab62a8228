"""Searches, additions, removals and sealing on one index at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from tests.vectors.conftest import F32, clustered
from tv5core.vectors import VectorIndex


def _together(*tasks: Callable[[], None]) -> list[BaseException]:
    failures: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    return failures


def test_everything_at_once(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:3000])
    fixed = set(range(1000))  # never touched, so always there
    done = threading.Event()

    def change() -> None:
        extra = clustered(2000, vectors.shape[1], seed=8)
        for at in range(0, 2000, 50):
            index.add(extra[at : at + 50], np.arange(3000 + at, 3050 + at))
            index.remove([3000 + at, 1000 + at // 50])
        done.set()

    def seal() -> None:
        for _ in range(3):
            index.seal()

    def look() -> None:
        while not done.is_set():
            found = index.search(queries[:20], 10)
            assert (found.keys >= 0).all()
            assert (np.diff(found.scores, axis=1) <= 0).all()
            assert all(len(set(row)) == 10 for row in found.keys.tolist()), "a key twice"

    def reread() -> None:
        while not done.is_set():
            assert index.search(vectors[7], 1).keys[0] == 7

    assert _together(change, seal, look, look, reread) == []
    index.seal()
    left = set(index.keys().tolist())
    assert fixed <= left
    assert len(left) == len(index) == 3000 + 2000 - 80
