"""Dates, and the order of day and month that a column decides."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.errors import InvalidInputError
from tv5core.sources.dates import DateReader, check_date_format, survey_dates
from tv5core.sources.values import Remarks, text

DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))


def read(value: object, *column: str, form: str = "") -> tuple[str, int | None, dict[str, int]]:
    remarks = Remarks()
    return *DateReader(form, lambda: (*column, value))(value, remarks), dict(remarks)


@pytest.mark.parametrize(
    "written",
    [
        "1984-12-14", "1984/12/14", "1984.12.14", "19841214", "1984-12-14T00:00:00.000Z",
        "1984-12-14 00:00:00", "December 14, 1984", "Dec 14 1984", "14 December 1984",
        "14-Dec-1984", "14. December 1984", "14th of December, 1984", "Friday, 14 December 1984",
        "14 Dec 1984 (USA)", "14/12/1984", "14.12.1984", "14-12-1984", "12/14/1984",
        "14/12/1984 00:00",
    ],
)  # fmt: skip
def test_dates_that_can_be_read_in_one_way(written: str) -> None:
    assert read(written) == ("1984-12-14", 1984, {})


@pytest.mark.parametrize(
    ("written", "year"),
    [("6/2/1927", 1927), ("2.6.1927", 1927), ("12/11/2020", 2020)],
)
def test_an_ambiguous_date_alone_keeps_its_year(written: str, year: int) -> None:
    assert read(written) == ("", year, {"date ambiguous: day or month first": 1})


def test_the_column_decides() -> None:
    assert read("6/2/1927", "14/12/1984")[0] == "1927-02-06"
    assert read("6/2/1927", "12/14/1984")[0] == "1927-06-02"
    assert read("6/2/1927", "12/14/1984", "14/12/1984")[:2] == ("", 1927)
    assert read("3/3/1927")[0] == "1927-03-03"


def test_the_user_decides() -> None:
    assert read("6/2/1927", "12/14/1984", form="day-first")[0] == "1927-02-06"
    assert read("6/2/1927", "14/12/1984", form="month-first")[0] == "1927-06-02"
    assert read("1927 06 02", form="%Y %m %d")[0] == "1927-06-02"
    assert read("1984-12-14", form="%d/%m/%Y")[0] == "1984-12-14"


@pytest.mark.parametrize("form", ["dmy", "%d/%m/%y", "%d/%m", "%Q", "", "%Y-%m", "%%Y-%d-%m"])
def test_formats_that_say_too_little(form: str) -> None:
    with pytest.raises(InvalidInputError, match="expected day-first"):
        check_date_format(form)


@pytest.mark.parametrize("form", ["day-first", "month-first", "%d/%m/%Y", "%d. %B %Y"])
def test_formats(form: str) -> None:
    check_date_format(form)


@pytest.mark.parametrize("written", ["March 2021", "2021-03", "Mar 2021"])
def test_a_month_alone_keeps_the_year(written: str) -> None:
    assert read(written) == ("", 2021, {"date without a day": 1})


@pytest.mark.parametrize(
    "written",
    ["30/02/2010", "13/13/2010", "0/5/2010", "44196", "14/12-1984", "approx 1999"],
)
def test_what_is_no_date(written: str) -> None:
    assert read(written) == ("", None, {"date malformed": 1})


def test_what_a_column_says() -> None:
    survey = survey_dates(["14/12/1984", "6/2/1927", "1/1/2000", "2000-01-02", None, "x"])
    assert (survey.day_first, survey.month_first, survey.ambiguous) == (1, 0, 1)
    reader = DateReader(column=lambda: ["14/12/1984", "6/2/1927"])
    assert reader.applied == ""
    reader("6/2/1927", Remarks())
    assert (reader.applied, reader.ambiguous) == ("day-first", 1)


def test_a_column_is_read_once_and_only_if_needed() -> None:
    calls: list[int] = []

    def column() -> list[str]:
        calls.append(1)
        return ["14/12/1984"]

    reader = DateReader(column=column)
    reader("2000-01-01", Remarks())
    assert not calls
    reader("1/2/2000", Remarks())
    reader("3/4/2000", Remarks())
    assert calls == [1]


@given(st.lists(DAYS, min_size=1, max_size=6), st.booleans())
def test_no_date_of_a_column_is_read_wrong(days: list[date], day_first: bool) -> None:
    form = "{0.day}/{0.month}/{0.year}" if day_first else "{0.month}/{0.day}/{0.year}"
    column = [form.format(day) for day in days]
    reader = DateReader(column=lambda: column)
    for written, day in zip(column, days, strict=True):
        remarks = Remarks()
        found, year = reader(written, remarks)
        assert year == day.year
        assert found == day.isoformat() or (found == "" and remarks)


@given(st.text(alphabet="0123456789/-. :TJanuaryof", max_size=20) | st.text(max_size=20))
def test_any_text_is_read_or_noted(written: str) -> None:
    remarks = Remarks()
    found, year = DateReader()(written, remarks)
    if found:
        assert date.fromisoformat(found).year == year
    elif year is None:
        assert remarks or not text(written)


@pytest.mark.parametrize("written", ["14/12/84", "12-Dec-84", "1.2.03", "6/2/27 10:00"])
def test_a_year_of_two_digits_is_of_no_known_century(written: str) -> None:
    assert read(written) == ("", None, {"date with two digits for its year": 1})
