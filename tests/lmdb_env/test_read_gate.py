"""The read gate: whom an exclusive holder waits for, who waits for it, and who is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tv5core.errors import CatalogError
from tv5core.lmdb_env import read_gate
from tv5core.lmdb_env.calls import Call, this_call
from tv5core.lmdb_env.read_gate import ReadGate

WAIT_S = 30


class Inside:
    """A thread that holds a gate shared, and enters again when asked to."""

    def __init__(self, gate: ReadGate) -> None:
        self._gate, self.entered, self._again, self._leave = (
            gate,
            *(threading.Event() for _ in range(3)),
        )
        self.entered_again = threading.Event()
        self._thread = start(self._work)
        assert self.entered.wait(WAIT_S)

    def _work(self) -> None:
        with self._gate.shared():
            self.entered.set()
            self._again.wait()
            with self._gate.shared():
                self.entered_again.set()
            self._leave.wait()

    def enter_again(self) -> None:
        self._again.set()
        assert self.entered_again.wait(WAIT_S)

    def leave(self) -> None:
        self._again.set()
        self._leave.set()
        self._thread.join(WAIT_S)


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def enter(gate: ReadGate) -> None:
    with gate.shared():
        pass


class Closing:
    """A thread that holds a gate exclusively."""

    def __init__(self, gate: ReadGate) -> None:
        self._gate, self.closed, self._open = gate, threading.Event(), threading.Event()
        self.thread = start(self._work)

    def _work(self) -> None:
        with self._gate.exclusive():
            self.closed.set()
            self._open.wait()

    def open(self) -> None:
        self._open.set()
        self.thread.join(WAIT_S)


def test_others_acquire_it_until_early_holders_are_gone() -> None:
    gate = ReadGate()
    early = Inside(gate)
    closing = Closing(gate)
    while gate._owner is None:
        assert closing.thread.is_alive()
    late = Inside(gate)  # although someone waits to hold it exclusively
    early.leave()
    assert not closing.closed.wait(0.05)
    start(lambda: enter(gate)).join(WAIT_S)  # kept out for moments at most
    late.leave()
    assert closing.closed.wait(WAIT_S)
    third = start(lambda: enter(gate))
    third.join(0.05)
    assert third.is_alive()
    closing.open()
    third.join(WAIT_S)
    assert not third.is_alive()


def test_who_is_inside_enters_again_however_closed_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_gate, "_CLOSED_S", WAIT_S)
    gate = ReadGate()
    early = Inside(gate)
    closing = Closing(gate)
    while gate._owner is None:
        assert closing.thread.is_alive()
    late = Inside(gate)
    early.leave()
    while not gate.closed:
        assert closing.thread.is_alive()
    late.enter_again()
    late.leave()
    assert closing.closed.wait(WAIT_S)
    closing.open()


def test_a_shared_holder_is_refused_instead_of_waiting_for_itself() -> None:
    gate = ReadGate()
    with gate.shared(), pytest.raises(CatalogError, match="another thread"), gate.exclusive():
        pass
    with gate.exclusive():
        pass


def test_using_it_while_holding_it_exclusively_is_refused() -> None:
    gate = ReadGate()
    with gate.exclusive():
        with pytest.raises(CatalogError, match="signal handler"):
            gate.acquire_shared(this_call())
        with pytest.raises(CatalogError, match="another thread"):
            gate.acquire_exclusive(this_call())
    enter(gate)
    assert not gate._holders


def test_a_holder_whose_call_ended_holds_nothing() -> None:
    gate = ReadGate()

    def interrupted() -> Call:
        gate.acquire_shared(this_call())
        return this_call()

    for _ in range(200):
        interrupted()
    assert len(gate._holders) < 100  # those that are left are found by who comes later
    with gate.exclusive():
        assert not gate._holders


def test_an_exclusive_holder_whose_call_ended_lets_others_in() -> None:
    gate = ReadGate()

    def interrupted() -> None:
        gate.acquire_exclusive(this_call())

    interrupted()
    start(lambda: enter(gate)).join(WAIT_S)
    interrupted()
    with gate.exclusive():
        pass
    enter(gate)


def test_an_exception_while_it_waits_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = ReadGate()
    inside = Inside(gate)

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gate, "sweep", interrupt)
    with pytest.raises(KeyboardInterrupt), gate.exclusive():
        pass
    monkeypatch.undo()
    assert gate._owner is None
    enter(gate)
    inside.leave()


def test_it_can_be_waited_for_in_vain() -> None:
    gate = ReadGate()
    inside = Inside(gate)
    assert not gate.acquire_exclusive((threading.get_ident(), None), timeout_s=0.02)
    enter(gate)
    inside.leave()
    assert gate.acquire_exclusive((threading.get_ident(), None), timeout_s=WAIT_S)
    gate.release_exclusive()
