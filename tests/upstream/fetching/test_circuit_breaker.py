"""The circuit breaker."""

from __future__ import annotations

import random

import pytest

from tv5core.errors import BreakerOpenError
from tv5core.observing import Tally
from tv5core.upstream import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make() -> tuple[CircuitBreaker, Clock, Tally]:
    clock, tally = Clock(), Tally()
    made = CircuitBreaker("tmdb", clock=clock, rng=random.Random(1), observer=tally)
    return made, clock, tally


def call(breaker: CircuitBreaker, works: bool) -> None:
    with breaker.admit() as admission:
        if works:
            admission.succeed()
        else:
            admission.fail()


def broken() -> tuple[CircuitBreaker, Clock, Tally]:
    breaker, clock, tally = make()
    for _ in range(10):
        call(breaker, works=False)
    return breaker, clock, tally


def test_ten_failures_in_a_row_open_it() -> None:
    breaker, _, tally = make()
    for _ in range(9):
        call(breaker, works=False)
    call(breaker, works=True)
    for _ in range(9):
        call(breaker, works=False)
    assert breaker.state == "closed"
    call(breaker, works=False)
    assert breaker.state == "open"
    with pytest.raises(BreakerOpenError, match="expected tmdb to work") as caught:
        breaker.admit()
    assert 4 <= caught.value.retry_after_s <= 5
    assert tally.counted("upstream.breaker", state="open") == 1


def test_failing_every_other_time_opens_it() -> None:
    breaker, _, _ = make()
    for number in range(39):
        call(breaker, works=bool(number % 2))
    assert breaker.state == "closed"
    call(breaker, works=False)
    assert breaker.state == "open"


def test_a_fifth_of_failures_does_not() -> None:
    breaker, rng = make()[0], random.Random(5)
    for _ in range(20_000):
        call(breaker, works=rng.random() > 0.2)
    assert breaker.state == "closed"


def test_one_probe_decides() -> None:
    breaker, clock, tally = broken()
    clock.now += 5.01
    probe = breaker.admit()
    assert breaker.state == "half_open"
    for _ in range(3):
        with pytest.raises(BreakerOpenError):
            breaker.admit()
    probe.succeed()
    assert breaker.state == "closed"
    call(breaker, works=False)
    assert breaker.state == "closed", "it starts over"
    assert tally.counted("upstream.breaker", state="half_open") == 1


def test_a_probe_that_fails_doubles_the_wait_up_to_a_bound() -> None:
    breaker, clock, _ = broken()
    waits = []
    for _ in range(6):
        with pytest.raises(BreakerOpenError) as caught:
            breaker.admit()
        waits.append(caught.value.retry_after_s)
        clock.now += waits[-1] + 0.01
        call(breaker, works=False)
    for wait, most in zip(waits, (5, 10, 20, 40, 60, 60), strict=True):
        assert 0.8 * most <= wait <= most


def test_a_probe_that_is_given_up_makes_room_for_another() -> None:
    breaker, clock, _ = broken()
    clock.now += 5.01
    with breaker.admit():
        pass
    with breaker.admit() as admission:
        admission.succeed()
    assert breaker.state == "closed"


def test_what_was_under_way_when_it_opened_counts_no_more() -> None:
    breaker, clock, _ = make()
    late = breaker.admit()
    for _ in range(10):
        call(breaker, works=False)
    late.succeed()
    assert breaker.state == "open"
    clock.now += 5.01
    call(breaker, works=True)
    assert breaker.state == "closed"


def test_outcomes_count_once() -> None:
    breaker, _, _ = make()
    for _ in range(6):
        admission = breaker.admit()
        admission.fail()
        admission.fail()
        admission.succeed()
    assert breaker.state == "closed"
