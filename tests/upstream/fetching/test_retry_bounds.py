"""The Retry-After header and the budget for retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.upstream import RetryBudget
from tv5core.upstream.fetching.retry_bounds import (
    MAX_RETRY_AFTER_S,
    response_retry_after_s,
    retry_after_s,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("3600", MAX_RETRY_AFTER_S),
        ("9" * 400, MAX_RETRY_AFTER_S),
        (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9),
        (format_datetime(NOW + timedelta(days=9), usegmt=True), MAX_RETRY_AFTER_S),
        (format_datetime(NOW - timedelta(days=9), usegmt=True), 0),
        ("Sun, 01 Mar 2026 12:00:05 -0000", 5),
        (None, 1),
        ("", 1),
        ("-5", 1),
        ("1.5", 1.5),
        ("2.5", 2.5),
        ("0.2", 0.2),
        (".5", 0.5),
        ("2.", 2),
        ("61.5", MAX_RETRY_AFTER_S),
        ("9" * 400 + ".5", MAX_RETRY_AFTER_S),
        ("-2.5", 1),
        ("1e9", 1),
        ("1_0", 1),
        ("\u0663", 1),
        ("2,5", 1),
        ("inf", 1),
        ("nan", 1),
        ("soon", 1),
        ("Sun, 99 Mar 2026 12:00:05 GMT", 1),
        ("Sun, 01 Mar 99999999999999 12:00:05 GMT", 1),
    ],
)
def test_retry_after(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_dates_are_compared_with_the_clock_of_the_provider() -> None:
    headers = {
        "Retry-After": format_datetime(NOW + timedelta(seconds=9), usegmt=True),
        "Date": format_datetime(NOW, usegmt=True),
    }
    assert response_retry_after_s(headers) == 9
    assert response_retry_after_s(headers | {"Date": "soon"}) in (0, MAX_RETRY_AFTER_S)
    assert response_retry_after_s({}) == 1


@given(st.text())
def test_any_retry_after_is_clamped(header: str) -> None:
    assert 0 <= retry_after_s(header) <= MAX_RETRY_AFTER_S


def test_retries_are_a_part_of_the_calls() -> None:
    budget = RetryBudget(ratio=0.25, reserve=10)
    assert sum(budget.withdraw() for _ in range(100)) == 10
    taken = 0
    for _ in range(100):
        budget.deposit()
        taken += budget.withdraw()
    assert taken == 25
    for _ in range(1_000):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(100)) == 10, "no more is saved than the reserve"
