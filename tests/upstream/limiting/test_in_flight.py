"""Places of requests that a provider may count within one second, against a model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.upstream.standin.server import busiest
from tv5core.upstream.limiting.in_flight import (
    COUNTED_S,
    SECOND_S,
    SEND_WITHIN_S,
    TRANSIT_S,
    InFlightWindow,
    Place,
)

steps = st.lists(
    st.tuples(
        st.floats(0, 0.7),  # seconds since the last
        st.integers(1, 5),  # how many are asked for
        st.sampled_from([0.0, 0.01, 0.4, TRANSIT_S]),  # from sending to counting
        st.sampled_from([0.0, 0.2, 2.0]),  # from counting to the answer
        st.sampled_from(["answered", "answered", "lost", "unsent"]),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 6))
def test_no_second_has_more_than_the_limit(
    plan: list[tuple[float, int, float, float, str]], limit: int
) -> None:
    window, now = InFlightWindow(limit), 0.0
    arrivals: list[float] = []
    ending: list[tuple[float, Place]] = []
    for pause_s, count, transit_s, answer_s, outcome in plan:
        now += pause_s
        for at, place in sorted(ending, key=lambda each: each[0]):
            if at <= now:
                window.answered(place, at)
                ending.remove((at, place))
        for _ in range(count):
            if window.delay_s(now) > 0:
                continue
            place = window.take(now)
            if outcome == "unsent":
                window.give_back(place)
                continue
            sent = now + SEND_WITHIN_S * (len(arrivals) % 2)
            arrivals.append(sent + transit_s)
            if outcome == "answered":
                ending.append((sent + transit_s + answer_s, place))
    assert busiest(arrivals) <= limit


def test_the_delay_is_the_shortest_there_can_be() -> None:
    window = InFlightWindow(2)
    first, second = window.take(0.0), window.take(0.1)
    assert window.delay_s(0.2) == SECOND_S
    window.answered(first, 0.2)
    assert round(window.delay_s(0.5), 6) == round(0.2 + SECOND_S - 0.5, 6)
    assert window.delay_s(0.2 + SECOND_S) == 0.0
    third = window.take(1.3)
    assert window.delay_s(2.9) == 0.1 + COUNTED_S - 2.9, "then the second is given up"
    window.give_back(third)
    assert window.delay_s(2.9) == 0.0
    window.answered(second, 2.9)
    window.answered(second, 2.9)
    assert window.delay_s(2.9) == 0.0, "one of two"
