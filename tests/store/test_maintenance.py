from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tv5core.errors import CatalogError
from tv5core.store import maintenance as module
from tv5core.store.maintenance import Turns

WAIT_S = 60
Report = tuple[int, int, str]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REPORT_S", 0.0)
    monkeypatch.setattr(module, "_POLL_S", 0.001)


@contextmanager
def held(turns: Turns, *reports: Report) -> Iterator[Callable[[], None]]:
    """Let another thread have the turn and report; yields what ends it."""
    began, end = threading.Event(), threading.Event()

    def work() -> None:
        with turns.next():
            turns.work.begin()
            for report in reports:
                turns.work.note(*report)
            began.set()
            end.wait(WAIT_S)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert began.wait(WAIT_S)
    yield end.set
    end.set()
    thread.join(WAIT_S)


def test_who_waits_reports_what_the_other_reported_last() -> None:
    turns, seen = Turns(), list[Report]()
    with held(turns, (1, 9, "reading"), (4, 9, "embedding"), (0, 0, "")) as end:

        def progress(*report: object) -> None:
            seen.append(report)  # type: ignore[arg-type]
            end()

        with turns.next(progress):
            pass
    assert set(seen) == {(4, 9, "waiting: embedding")}


def test_who_waits_reports_that_it_does_before_the_other_reports() -> None:
    turns, seen = Turns(), list[str]()
    with held(turns) as end:

        def progress(_done: int, _total: int, stage: str) -> None:
            seen.append(stage)
            end()

        with turns.next(progress):
            pass
    assert set(seen) == {"waiting: other work"}


def test_nothing_is_reported_where_nobody_has_the_turn() -> None:
    turns, seen = Turns(), list[str]()
    with turns.next(lambda _, __, stage: seen.append(stage)):
        turns.work.begin()
    assert not seen


def test_what_was_reported_of_earlier_work_is_not_shown() -> None:
    turns = Turns()
    turns.work.begin()
    turns.work.note(1, 2, "embedding")
    turns.work.begin()
    assert turns.work.latest is None


def test_only_who_has_the_turn_is_heard() -> None:
    turns = Turns()
    with held(turns, (1, 2, "embedding")):
        turns.work.note(7, 8, "reading")
        assert turns.work.latest == (1, 2, "embedding")


def test_a_turn_is_refused_within_a_report_of_waiting_for_one() -> None:
    turns, raised = Turns(), list[CatalogError]()
    with held(turns) as end:

        def progress(*_: object) -> None:
            with pytest.raises(CatalogError, match="another thread") as error:
                turns.next(progress)
            raised.append(error.value)
            end()

        with turns.next(progress):
            pass
    assert raised
    with turns.next():  # afterwards it works
        pass


def test_an_exception_of_a_report_ends_the_waiting_and_leaves_the_turn_to_others() -> None:
    turns = Turns()

    def progress(*_: object) -> None:
        raise KeyError("stop")

    with held(turns) as end:
        with pytest.raises(KeyError):
            turns.next(progress)
        end()
        with turns.next(lambda *_: None):
            assert turns.lock.locked()
    assert not turns.lock.locked()
