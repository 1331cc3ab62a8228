"""The tally adds up, by labels and from any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tv5core.observing import SILENT, Observer, Tally, Timing


def test_counts_by_labels() -> None:
    tally = Tally()
    tally.count("cache.get", tier="memory", outcome="hit")
    tally.count("cache.get", 2, outcome="miss", tier="memory")
    tally.count("cache.get", 4, outcome="hit", tier="disk")
    assert tally.counted("cache.get") == 7
    assert tally.counted("cache.get", outcome="hit") == 5
    assert tally.counted("cache.get", tier="memory", outcome="miss") == 2
    assert tally.counted("cache.get", tier="redis") == 0
    assert tally.counted("cache.put") == 0


def test_timings() -> None:
    tally = Tally()
    for seconds in (0.25, 0.5, 0.125):
        tally.time("load", seconds, kind="title")
    assert tally.timed("load", kind="title") == Timing(3, 0.875, 0.5)
    assert tally.timed("load") == Timing()


def test_what_is_returned_does_not_change() -> None:
    tally = Tally()
    tally.time("load", 1.0)
    before = tally.timed("load")
    tally.time("load", 1.0)
    assert before.count == 1


def test_threads_lose_nothing() -> None:
    tally = Tally()

    def work(_: int) -> None:
        for _ in range(1_000):
            tally.count("n")
            tally.time("t", 1.0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert tally.counted("n") == 4_000
    assert tally.timed("t").total_s == 4_000.0


def test_silence_is_an_observer() -> None:
    observers: list[Observer] = [SILENT, Tally()]
    for observer in observers:
        observer.count("x", 3, a="b")
        observer.time("x", 0.1)
