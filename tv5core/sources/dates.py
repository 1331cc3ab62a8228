"""Parsing of dates, where a whole column decides the order of day and month.

``6/2/1927`` is a day in February or in June. A column that holds ``14/12/1984`` writes the day
first, one that holds ``12/14/1984`` the month; a column with both, or with neither, leaves its
ambiguous dates without day and month: their year is certain and kept.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Literal

import msgspec

from tv5core.errors import InvalidInputError
from tv5core.sources.values import Notes, text

__all__ = ["DateReader", "Order", "Survey", "check_date_format", "survey_dates"]

Order = Literal["day-first", "month-first", ""]
"""Which of day and month comes first; empty where that is not known."""

_FIRST_YEAR, _LAST_YEAR = 1870, 2100
_MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        "january february march april may june july august september october november december"
        .split(),
        1,
    )
    for length in (3, 4, len(name))
}  # fmt: skip
_TIME = r"(?:[T ]\d{1,2}(?::\d{2}.{0,24})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}", re.ASCII)
_SHORT_YEAR = re.compile(
    rf"\d{{1,2}}([-/.])(?:\d{{1,2}}|[A-Za-z]{{3,9}})\1\d{{2}}{_TIME}", re.ASCII
)
_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.ASCII)
_DAY_FIRST = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|\.)?[ -](?:of )?([a-z]{3,9})[.,]?[ -](\d{4})", re.ASCII
)
_PARTIAL = re.compile(
    rf"(?:(?:{'|'.join(_MONTHS)})\.? )?(\d{{4}})(?:\.0)?|(\d{{4}})[-/](?:0?[1-9]|1[0-2])", re.ASCII
)
_WEEKDAY = re.compile(r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? ")
_PLACE = re.compile(r" \([^()]*\)$")


class Survey(msgspec.Struct):
    """What the dates of a column say about their order.

    Attributes
    ----------
    day_first, month_first : int
        Dates that can be read in this order only.
    ambiguous : int
        Dates that can be read in both.
    """

    day_first: int = 0
    month_first: int = 0
    ambiguous: int = 0

    @property
    def order(self) -> Order:
        """The only order that makes all dates possible."""
        if bool(self.day_first) == bool(self.month_first):
            return ""
        return "day-first" if self.day_first else "month-first"


def survey_dates(values: Iterable[object]) -> Survey:
    """Count the dates that decide whether a column writes day or month first."""
    survey = Survey()
    for value in values:
        found = _YEAR_LAST.fullmatch(text(value))
        if not found:
            continue
        first, second = int(found.group(1)), int(found.group(3))
        if first > 12 >= second:
            survey.day_first += 1
        elif second > 12 >= first:
            survey.month_first += 1
        elif first != second:
            survey.ambiguous += 1
    return survey


def check_date_format(form: str) -> None:
    """Validate the date format that the user gave.

    Raises
    ------
    InvalidInputError
        It is neither ``day-first`` nor ``month-first`` nor a pattern of :meth:`datetime.strptime`
        with a day, a month and a year of four digits.
    """
    if form in ("day-first", "month-first"):
        return
    try:
        sample = date(1987, 11, 23)
        valid = datetime.strptime(sample.strftime(form), form).replace(tzinfo=UTC).date() == sample
    except (ValueError, re.error):
        valid = False
    if not valid or "%Y" not in form.replace("%%", ""):
        raise InvalidInputError(
            "expected day-first, month-first or a pattern with day, month and a year of four "
            f"digits such as %d/%m/%Y, got {form!r}"
        )


class DateReader:
    """Reads the dates of one column.

    Parameters
    ----------
    form : str
        The user's choice: ``day-first``, ``month-first`` or a pattern of ``strptime``; empty lets
        the column decide.
    column : callable, optional
        Returns all values of the column; called at most once, at the first date that needs it.

    Attributes
    ----------
    survey : Survey or None
        What was found, once it was needed.
    """

    def __init__(
        self, form: str = "", column: Callable[[], Iterable[object]] | None = None
    ) -> None:
        self._pattern = form if "%" in form else ""
        self._given: Order = form if form in ("day-first", "month-first") else ""  # type: ignore[assignment]
        self._column = column
        self.survey: Survey | None = None

    @property
    def order(self) -> Order:
        """The order of day and month in this column."""
        if self.survey is None:
            self.survey = survey_dates(self._column()) if self._column is not None else Survey()
        return self._given or self.survey.order

    @property
    def applied(self) -> str:
        """The order or pattern in use; ``unknown`` where dates need one, empty where none does."""
        if self._pattern or self.survey is None:
            return self._pattern
        return self.order or "unknown"

    @property
    def ambiguous(self) -> int:
        """Dates of the column that could be read in either order."""
        return self.survey.ambiguous if self.survey is not None else 0

    def __call__(self, value: object, notes: Notes) -> tuple[str, int | None]:
        """Return a date as ``YYYY-MM-DD`` and its year; what is not certain is empty and noted."""
        raw = text(value)
        if not raw:
            return "", None
        found = _by_pattern(raw, self._pattern) if self._pattern else None
        found = found or _certain(raw)
        if found is not None:
            return _within(found, raw, notes)
        if numeric := _YEAR_LAST.fullmatch(raw):
            return self._numeric(numeric, notes)
        if _SHORT_YEAR.fullmatch(raw):  # of which century, nobody knows
            notes.note("date with two digits for its year", raw)
            return "", None
        return _partial(raw, notes)

    def _numeric(self, found: re.Match[str], notes: Notes) -> tuple[str, int | None]:
        order = self.order
        first, second, year = int(found.group(1)), int(found.group(3)), int(found.group(4))
        readings = {_date(year, second, first), _date(year, first, second)} - {None}
        if len(readings) > 1:
            readings = {
                "day-first": {_date(year, second, first)},
                "month-first": {_date(year, first, second)},
            }.get(order, set())
            if not readings:
                notes.note("date ambiguous: day or month first", found.group())
                return "", year if _FIRST_YEAR <= year <= _LAST_YEAR else None
        return _within(next(iter(readings), None), found.group(), notes)


def _within(found: date | None, raw: str, notes: Notes) -> tuple[str, int | None]:
    if found is not None and _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return found.isoformat(), found.year
    notes.note("date malformed", raw)
    return "", None


def _partial(raw: str, notes: Notes) -> tuple[str, int | None]:
    """Return the year of a date that has only a year, or a year and a month."""
    found = _PARTIAL.fullmatch(raw.casefold())
    year = int(found.group(1) or found.group(2)) if found else 0
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        notes.note("date malformed", raw)
        return "", None
    if not raw.replace(".0", "").isdigit():
        notes.note("date without a day", raw)
    return "", year


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@functools.lru_cache(maxsize=65536)
def _certain(raw: str) -> date | None:
    """Return a date that can be read in one way only."""
    if found := _YEAR_FIRST.fullmatch(raw):
        return _date(int(found.group(1)), int(found.group(3)), int(found.group(4)))
    if found := _COMPACT.fullmatch(raw):
        return _date(*map(int, found.groups()))
    words = _WEEKDAY.sub("", _PLACE.sub("", raw.casefold()))
    if found := _MONTH_FIRST.fullmatch(words):
        return _date(int(found.group(3)), _MONTHS.get(found.group(1), 0), int(found.group(2)))
    if found := _DAY_FIRST.fullmatch(words):
        return _date(int(found.group(3)), _MONTHS.get(found.group(2), 0), int(found.group(1)))
    return None


@functools.lru_cache(maxsize=65536)
def _by_pattern(raw: str, pattern: str) -> date | None:
    try:
        return datetime.strptime(raw, pattern).replace(tzinfo=UTC).date()
    except ValueError:
        return None
