"""The read gate: whom an exclusive holder waits for, and who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tv5core.errors import CatalogError
from tv5core.lmdb_env.read_gate import ReadGate

WAIT_S = 30


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_others_acquire_it_until_early_holders_are_gone() -> None:
    gate = ReadGate()
    ticket = gate.acquire_shared()
    gate._holders[ticket] = -1  # as if another thread's
    closing = start(gate.acquire_exclusive)
    while not gate._awaited:
        assert closing.is_alive()
    late = gate.acquire_shared()  # although someone waits to hold it exclusively
    gate._holders[late] = -1
    gate.release_shared(ticket)
    while not gate._closed:
        assert closing.is_alive()
    passed: list[int] = []
    third = start(lambda: passed.append(gate.acquire_shared()))
    third.join(0.05)
    assert not passed
    gate.release_shared(late)
    closing.join(WAIT_S)
    assert not passed
    gate.release_exclusive()
    third.join(WAIT_S)
    assert passed


def test_a_shared_holder_is_refused_instead_of_waiting_for_itself() -> None:
    gate = ReadGate()
    with gate.shared(), pytest.raises(CatalogError, match="another thread"), gate.exclusive():
        pass
    with gate.exclusive():
        pass
