from __future__ import annotations

import threading

import pytest

from tv5core.catalog.index.background import BackgroundWorker, StoppedError


@pytest.fixture
def worker() -> BackgroundWorker:
    return BackgroundWorker(threading.RLock())


def test_pieces_of_work_are_done_one_after_another(worker: BackgroundWorker) -> None:
    done: list[str] = []
    release = threading.Event()

    def first() -> None:
        release.wait()
        done.append("first")

    worker.start("first", first)
    worker.start("second", lambda: done.append("second"))
    worker.start("third", lambda: done.append("third"))
    assert done == []
    release.set()
    worker.wait()
    assert done == ["first", "second", "third"]


def test_work_that_waits_is_replaced_and_what_is_under_way_is_done_again(
    worker: BackgroundWorker,
) -> None:
    done: list[str] = []
    started, release = threading.Event(), threading.Event()

    def first() -> None:
        started.set()
        release.wait()
        done.append("first")

    worker.start("first", first)
    started.wait()
    worker.start("second", lambda: done.append("second"))
    worker.start("second", lambda: done.append("another"))
    worker.start("first", lambda: done.append("what changed while the first was under way"))
    release.set()
    worker.wait()
    assert done == ["first", "another", "what changed while the first was under way"]


def test_work_that_raises_does_not_keep_others_from_being_done(
    worker: BackgroundWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("no")

    worker.start("fail", fail)
    worker.wait()
    worker.start("work", lambda: done.append("work"))
    worker.wait()
    assert (len(failures), done) == (1, ["work"])


def test_stopped_nothing_starts_and_what_is_under_way_ends(worker: BackgroundWorker) -> None:
    ended: list[type[BaseException]] = []
    started, release = threading.Event(), threading.Event()
    report = worker.cancellable(None)

    def work() -> None:
        started.set()
        release.wait()
        try:
            report(0, 1, "working")
        except StoppedError as error:
            ended.append(type(error))

    worker.start("work", work)
    started.wait()
    worker.start("next", lambda: ended.append(RuntimeError))
    worker.stop()
    release.set()
    worker.wait()
    worker.start("work", work)
    worker.wait()
    assert ended == [StoppedError]


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("closing", [False, True])
def test_an_interrupted_beginning_is_made_up_for(
    worker: BackgroundWorker, monkeypatch: pytest.MonkeyPatch, begun: bool, closing: bool
) -> None:
    start = threading.Thread.start
    done: list[str] = []

    def interrupted(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        if begun:
            thread.start()
        raise Interrupted

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(Interrupted):
        worker.start("work", lambda: done.append("work"))
    if closing:
        worker.stop()
    worker.wait()
    assert closing or done == ["work"]
    worker.start("more", lambda: done.append("more"))
    worker.wait()
    assert closing or done == ["work", "more"]
