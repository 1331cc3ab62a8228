"""Counts, ratings, lengths and years: the right number, or none and a note."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.sources.numbers import (
    amount,
    count,
    digits,
    number,
    rating,
    runtime,
    seasons,
    year_of,
)
from tv5core.sources.values import Remarks

MAX = 1_440


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("5415", 5415),
        ("5415.0", 5415),
        ("12,345", 12_345),
        ("1,234,567", 1_234_567),
        ("1.234", 1_234),
        ("1.234.567", 1_234_567),
        ("1 234", 1_234),
        ("1\u00a0234", 1_234),
        ("1\u202f234", 1_234),
        ("1'234", 1_234),
        ("1,23,456", 123_456),
        ("1.2K", 1_200),
        ("1,2k", 1_200),
        ("12K", 12_000),
        ("3M", 3_000_000),
        ("1.25 M", 1_250_000),
        ("1e3", 1_000),
        (5415, 5415),
        (5415.0, 5415),
        ("0", 0),
        ("", 0),
        (None, 0),
        ("-", 0),
        ("N/A", 0),
    ],
)
def test_counts(written: object, want: int) -> None:
    remarks = Remarks()
    assert count(written, "votes", remarks) == want
    assert not remarks


@pytest.mark.parametrize(
    ("written", "noted"),
    [
        ("1_000", "votes malformed"),
        ("12.000", "votes ambiguous"),
        ("1.5", "votes malformed"),
        (10.5, "votes malformed"),
        ("1.234K", "votes malformed"),
        ("-5", "votes out of range"),
        ("1e20", "votes out of range"),
        ("many", "votes malformed"),
        ("\u0661\u0662", "votes malformed"),
        ("1,2345", "votes malformed"),
        ("12,34", "votes malformed"),
    ],
)
def test_counts_left_out(written: object, noted: str) -> None:
    remarks = Remarks()
    assert count(written, "votes", remarks) == 0
    assert remarks == {noted: 1}


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("7.5", 7.5),
        ("7,5", 7.5),
        ("8.1/10", 8.1),
        ("8,1 / 10", 8.1),
        ("4/5", 8.0),
        ("85%", 8.5),
        ("85 %", 8.5),
        ("85/100", 8.5),
        ("8.5/10.0", 8.5),
        (7.5, 7.5),
        ("0", None),
        ("0/10", None),
        ("", None),
        ("\u2013", None),
    ],
)
def test_ratings(written: object, want: float | None) -> None:
    remarks = Remarks()
    assert rating(written, remarks) == want
    assert not remarks


@pytest.mark.parametrize(
    ("written", "noted"),
    [
        ("85", "rating out of range"),
        ("11/10", "rating out of range"),
        ("120%", "rating out of range"),
        ("-3", "rating out of range"),
        ("7/9", "rating malformed"),
        ("7_5", "rating malformed"),
        ("★★★", "rating malformed"),
        ("1,234", "rating ambiguous"),
        ("7.5 (1,234)", "rating malformed"),
    ],
)
def test_ratings_left_out(written: str, noted: str) -> None:
    remarks = Remarks()
    assert rating(written, remarks) is None
    assert remarks == {noted: 1}


@pytest.mark.parametrize(
    "written",
    [
        "95", "95.0", "95 min", "95min", "95 min.", "95 mins", "95 minutes", "95m", "95'",
        "1h 35m", "1 h 35 min", "1h35", "1h35m", "1 hr 35 mins", "1 hour 35 minutes",
        "1 hour, 35 minutes", "1 hour and 35 minutes", "1 Std. 35 Min.", "1:35", "01:35:00",
        "1:35:59", "0 days 01:35:00", "01h35m00s", "1 heure 35 min",
        "PT1H35M", "PT95M", "PT5700S", "P0DT1H35M", "1H 35M", 95, 95.0,
    ],
)  # fmt: skip
def test_lengths_of_95_minutes(written: object) -> None:
    remarks = Remarks()
    assert runtime(written, MAX, remarks) == 95
    assert not remarks


@pytest.mark.parametrize(("written", "want"), [("2 hours", 120), ("1.5h", 90), ("1,5 Std", 90)])
def test_lengths_in_hours(written: str, want: int) -> None:
    assert runtime(written, MAX, Remarks()) == want


@pytest.mark.parametrize(
    "written",
    [
        "1_0",
        "95:00",
        "1h 95m",
        "95-100 min",
        "2 Seasons",
        "1.35",
        95.5,
        "USA:95 min",
        "PT",
        "1h?",
        "1.30h",
    ],
)
def test_lengths_left_out(written: object) -> None:
    remarks = Remarks()
    assert runtime(written, MAX, remarks) is None
    assert sum(remarks.values()) == 1


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("2010", 2010),
        ("2010.0", 2010),
        ("(2010)", 2010),
        ("2010-", 2010),
        ("2010\u20132015", 2010),
        ("(2010\u2013 )", 2010),
        ("2010-15", 2010),
        ("I 2013", 2013),
        ("(II) (2013)", 2013),
        ("2010-07-15", 2010),
        ("2010-07-15 00:00:00", 2010),
        ("c. 1999", None),
        ("20100", None),
        ("2,010", None),
        ("14/12/1984", None),
    ],
)
def test_years(written: str, want: int | None) -> None:
    remarks = Remarks()
    assert year_of(written, remarks) == want
    assert bool(remarks) == (want is None)


def test_seasons_and_ids() -> None:
    assert seasons("3 Seasons", 100, Remarks()) == seasons("3", 100, Remarks()) == 3
    assert [digits(w) for w in ("862", "862.0", "8_6", "12,345", "1 234", "7,0")] == [
        "862", "862", "", "", "", "",
    ]  # fmt: skip
    assert number("1_0") is number("\u0663") is number("0x10") is None


@given(st.integers(1, 10**9), st.sampled_from([",", ".", " ", "'"]))
def test_a_count_in_groups_is_right_or_missing(value: int, mark: str) -> None:
    remarks = Remarks()
    found = count(f"{value:,}".replace(",", mark), "votes", remarks)
    assert found == value or (found == 0 and remarks)


@given(st.integers(0, 10**6), st.integers(0, 99), st.sampled_from([",.", ".,", " ,", " ."]))
def test_an_amount_in_groups_is_right_or_missing(whole: int, cents: int, marks: str) -> None:
    remarks = Remarks()
    written = f"{whole:,}".replace(",", marks[0]) + f"{marks[1]}{cents:02}"
    found = amount(written, "popularity", remarks)
    assert found == float(Fraction(whole * 100 + cents, 100)) or (found is None and remarks)


def readings(written: str) -> set[Fraction]:
    """Every number that a text of digits and marks could mean, with either decimal mark."""
    power = {"k": 3, "m": 6, "b": 9}.get(written.strip(" .").casefold()[-1:], 0)
    found = set()
    for decimal in (".", ",", ""):
        whole, _, fraction = written.rpartition(decimal) if decimal else (written, "", "")
        if decimal not in written:
            continue
        bare = re.sub(r"[^0-9]", "", whole) + "." + re.sub(r"[^0-9]", "", fraction)
        if bare.strip("."):
            found.add(Fraction("0" + bare + "0") * 10**power)
    return found


@given(st.text(alphabet="0123456789,. 'kM", min_size=1, max_size=10))
def test_what_is_read_is_one_of_the_readings(written: str) -> None:
    remarks = Remarks()
    votes = count(written, "votes", remarks)
    assert votes == 0 or votes in readings(written)
    popularity = amount(written, "popularity", remarks)
    assert popularity is None or popularity in {float(each) for each in readings(written)}


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 7))
def test_a_length_is_right_or_missing(hours: int, minutes: int, form: int) -> None:
    written = (
        f"{hours}h {minutes}m", f"{hours}:{minutes:02}", f"PT{hours}H{minutes}M",
        f"{hours * 60 + minutes} min", f"{hours} hours {minutes} minutes", f"{hours}h{minutes:02}",
        f"{hours:02}:{minutes:02}:00", f"{hours}.{minutes:02}",
    )[form]  # fmt: skip
    remarks = Remarks()
    found = runtime(written, MAX, remarks)
    if form < 7 and hours + minutes:
        assert found == hours * 60 + minutes
    assert found in (None, hours * 60 + minutes) or (form == 7 and minutes == 0 and found == hours)


@given(st.text(max_size=30) | st.floats() | st.integers() | st.lists(st.text()) | st.none())
def test_whatever_it_is_nothing_is_raised(value: object) -> None:
    remarks = Remarks()
    assert 0 <= count(value, "votes", remarks) <= 2**53
    assert (rating(value, remarks) or 1) <= 10
    assert 1 <= (runtime(value, MAX, remarks) or 1) <= MAX
    assert 1870 <= (year_of(value, remarks) or 1870) <= 2100
    amount(value, "popularity", remarks)
    seasons(value, 100, remarks)
    digits(value)
