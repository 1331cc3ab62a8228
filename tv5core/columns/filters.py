"""``F``: filters written in Python.

::

    F.genre.any("Drama", "Crime") & F.year.between(1990, 1999) & ~F.adult
    F.on("netflix", region="US", offer="flatrate") & (F.runtime <= 100)
    F.extra("studio").any("A24")
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, Final

from tv5core.arguments import check_text, shown
from tv5core.columns.expressions import (
    NOTHING,
    Bound,
    Exists,
    Expression,
    Ids,
    Offered,
    Range,
    Values,
    all_of,
    any_of,
    is_empty,
    not_,
)
from tv5core.columns.fields import (
    EXTRA,
    FIELDS,
    field_type,
    keys_of,
    kind_of_offer,
    nearest,
    provider_key,
    region_key,
)
from tv5core.errors import InvalidInputError
from tv5core.extra_fields import is_date

__all__ = [
    "DateField",
    "ExtraField",
    "F",
    "Fields",
    "IdField",
    "KeywordField",
    "NumberField",
    "day_number",
    "day_range",
    "offered",
    "range_of",
]

_EPOCH = date(1970, 1, 1)
_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_FIRST_DAY, _LAST_DAY = ((day - _EPOCH).days for day in (date.min, date.max))
_LARGEST = 1 << 62
_DECEMBER = 12


class _Named:
    """A field by name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def exists(self) -> Expression:
        """Match titles that have a value in the field."""
        return Exists(self.name)

    def _any(self, values: tuple[object, ...]) -> Expression:
        raise NotImplementedError

    def any(self, *values: object) -> Expression:
        """Match titles that have one of some values, given one by one or as a list."""
        return self._any(_several(values))

    def none(self, *values: object) -> Expression:
        """Match titles that have none of some values."""
        return not_(self._any(_several(values)))

    not_in = none

    def __call__(self, *values: object) -> Expression:
        return self.any(*values)

    def __eq__(self, value: object) -> Expression:  # type: ignore[override]
        return self._any((value,))

    def __ne__(self, value: object) -> Expression:  # type: ignore[override]
        return not_(self._any((value,)))

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise InvalidInputError(f"expected a comparison with F.{self.name}, got the field alone")

    def __repr__(self) -> str:
        return f"F.{self.name}"


def _several(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(values) == 1 and isinstance(values[0], Iterable) and not isinstance(values[0], str):
        with suppress(TypeError):  # an array without dimensions
            return tuple(iter(values[0]))
    return values


class KeywordField(_Named):
    """A field of words or names, such as ``F.genre``."""

    __slots__ = ()

    def _any(self, values: tuple[object, ...]) -> Expression:
        return any_of(Values(self.name, tuple(sorted(set(keys_of(self.name, v))))) for v in values)

    def all(self, *values: object) -> Expression:
        """Match titles that have all of some values, given one by one or as a list."""
        keys = (key for value in _several(values) for key in keys_of(self.name, value))
        return all_of(Values(self.name, (key,)) for key in keys)


class _Ordered(_Named):
    """A field whose values have an order."""

    __slots__ = ()

    def _within(self, low: object, high: object, opened: str = "") -> Expression:
        raise NotImplementedError

    def _given(self, value: object) -> object:
        if value is None:
            raise InvalidInputError(f"expected a value for {self.name}, got None")
        return value

    def between(self, low: object, high: object) -> Expression:
        """Match values within bounds, which are included; None is no bound."""
        return self._within(low, high)

    def __ge__(self, value: object) -> Expression:
        return self._within(self._given(value), None)

    def __gt__(self, value: object) -> Expression:
        return self._within(self._given(value), None, "low")

    def __le__(self, value: object) -> Expression:
        return self._within(None, self._given(value))

    def __lt__(self, value: object) -> Expression:
        return self._within(None, self._given(value), "high")


class NumberField(_Ordered):
    """A field of numbers, such as ``F.year``."""

    __slots__ = ()

    def _any(self, values: tuple[object, ...]) -> Expression:
        return any_of(self._within(value, value) for value in map(self._given, values))

    def _within(self, low: object, high: object, opened: str = "") -> Expression:
        bounds = [None if b is None else _number(self.name, b) for b in (low, high)]
        return range_of(self.name, *bounds, low_open=opened == "low", high_open=opened == "high")


class DateField(_Ordered):
    """``F.date``: days as ``datetime.date`` or ``2010-07-16``; ``2010-07`` and ``2010`` are spans.

    ``F.date <= "2010"`` is until the end of that year, ``F.date > "2010"`` from the next one on.
    """

    __slots__ = ()

    def _any(self, values: tuple[object, ...]) -> Expression:
        return any_of(self._within(value, value) for value in map(self._given, values))

    def _within(self, low: object, high: object, opened: str = "") -> Expression:
        first = None if low is None else day_range(self.name, low)[opened == "low"]
        last = None if high is None else day_range(self.name, high)[opened != "high"]
        return range_of(self.name, first, last, low_open=opened == "low",
                        high_open=opened == "high")  # fmt: skip


class ExtraField(_Ordered):
    """One of the catalogue's own fields; its type is known where the filter is used."""

    __slots__ = ()

    def _any(self, values: tuple[object, ...]) -> Expression:
        keys = (keys_of(self.name, _as_text(self.name, value)) for value in values)
        return any_of(Values(self.name, key) for key in keys)

    def all(self, *values: object) -> Expression:
        """Match titles that have all of some values."""
        return all_of(self._any((value,)) for value in _several(values))

    def _within(self, low: object, high: object, opened: str = "") -> Expression:
        bounds = [None if b is None else _extra_bound(self.name, b) for b in (low, high)]
        if len({isinstance(b, str) for b in bounds if b is not None}) > 1:
            raise InvalidInputError(
                f"expected two numbers or two dates for {self.name}, got {low!r} and {high!r}"
            )
        return range_of(self.name, *bounds, low_open=opened == "low", high_open=opened == "high")


class IdField(_Named):
    """``F.id``: titles by id."""

    __slots__ = ()

    def _any(self, values: tuple[object, ...]) -> Expression:
        ids = tuple(sorted({keys_of("id", value)[0] for value in values}))
        return Ids(ids) if ids else NOTHING

    def exists(self) -> Expression:
        """Every title has an id."""
        return all_of(())


class Fields:
    """The fields of titles; there is one of it, :data:`F`."""

    year, runtime, votes, seasons, rating, popularity = (
        NumberField(name)
        for name in ("year", "runtime", "votes", "seasons", "rating", "popularity")
    )
    date = DateField("date")
    kind, genre, keyword, person, cast, director, creator = (
        KeywordField(name)
        for name in ("kind", "genre", "keyword", "person", "cast", "director", "creator")
    )
    language, country, certification, collection = (
        KeywordField(name) for name in ("language", "country", "certification", "collection")
    )
    id = IdField("id")
    adult: Expression = Values("adult", ("true",))

    def on(self, provider: str = "", *, region: str = "", offer: str = "") -> Expression:
        """Match titles that can be watched at a service.

        Parameters
        ----------
        provider : str
            Such as ``netflix``; empty for any.
        region : str
            Country, by ISO 3166-1 alpha-2 code or English name; empty for any.
        offer : str
            ``flatrate``, ``free``, ``ads``, ``rent`` or ``buy``; empty for any.
        """
        return offered(provider, region, offer)

    def extra(self, name: str) -> ExtraField:
        """Return one of the catalogue's own fields; whether it exists is checked on use."""
        check_text("the name of an extra field", name)
        return ExtraField(EXTRA + name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise InvalidInputError(f"expected a field of F, got {name}{nearest(name, list(FIELDS))}")


F = Fields()
"""The fields of titles, to write filters with."""


# -- leaves of checked values -----------------------------------------------------------------


def offered(provider: str = "", region: str = "", offer: str = "") -> Expression:
    """Return a leaf about offers; see :meth:`Fields.on`."""
    provider, region, offer = (
        keys_of("on", text)[0].strip() if text else "" for text in (provider, region, offer)
    )
    if not (provider or region or offer):
        return Exists("on")
    return Offered(
        provider_key(provider) if provider else "",
        region_key(region) if region else "",
        kind_of_offer(offer) if offer else "",
    )


def range_of(
    name: str, low: Bound, high: Bound, *, low_open: bool = False, high_open: bool = False
) -> Expression:
    """Return a range in normal form: whole numbers have closed bounds."""
    if field_type(name) in ("int", "date"):
        low = _whole_low(low, opened=low_open)
        high = _whole_high(high, opened=high_open)
        low_open = high_open = False
    if field_type(name) == "date" and (_is_above(low, _LAST_DAY) or _is_above(_FIRST_DAY, high)):
        return NOTHING
    low_open, high_open = low_open and low is not None, high_open and high is not None
    if low is None and high is None:
        return Exists(name)
    found = Range(name, low, high, low_open, high_open)
    return NOTHING if is_empty(found) else found


def _is_above(one: Bound, other: Bound) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one > other


def _whole_low(bound: Bound, *, opened: bool) -> int | None:
    if bound is None or isinstance(bound, str) or bound == -math.inf:
        return None
    whole = _LARGEST if bound == math.inf else math.ceil(bound)
    return whole + 1 if opened and whole == bound else whole


def _whole_high(bound: Bound, *, opened: bool) -> int | None:
    if bound is None or isinstance(bound, str) or bound == math.inf:
        return None
    whole = -_LARGEST if bound == -math.inf else math.floor(bound)
    return whole - 1 if opened and whole == bound else whole


def _number(name: str, value: object) -> int | float:
    """Return a number, one with a value of its own type in the field or not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST, min(value, _LARGEST))
    try:
        # NumPy's numbers too, but neither text nor True.
        number = float("nan" if isinstance(value, (str, bytes, bool)) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        raise InvalidInputError(f"expected a number for {name}, got {shown(value)}")
    return int(number) if number.is_integer() and abs(number) < _LARGEST else number


def day_number(day: date) -> int:
    """Return the days from 1970-01-01 to a day."""
    return (day - _EPOCH).days


def day_range(name: str, value: object) -> tuple[int, int]:
    """Return the first and the last day, from 1970-01-01, of a day, a month or a year."""
    if isinstance(value, date):
        return (day_number(date(value.year, value.month, value.day)),) * 2
    try:
        return _span(value)
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"expected a date such as 2010-07-16, 2010-07 or 2010 for {name}, got {shown(value)}"
        ) from None


def _span(value: object) -> tuple[int, int]:
    found = _PARTIAL_DATE.fullmatch(value) if isinstance(value, str) else None
    parts = found.groups() if found else ("0", "0", "0")  # there is no year 0
    year, month, day = (int(part or 0) for part in parts)
    first = date(year, month or 1, day or 1)
    return day_number(first), day_number(first if day else _end(year, month))


def _end(year: int, month: int) -> date:
    """Return the last day of a month, or of a year where the month is 0."""
    if not month or month == _DECEMBER:
        return date(year, _DECEMBER, 31)
    return date(year, month + 1, 1) - timedelta(days=1)


def _as_text(name: str, value: object) -> str:
    """Return a value of the catalogue's own field as the text it is compared by."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()[:10]
    return str(_number(name, value))


def _extra_bound(name: str, value: object) -> Bound:
    if isinstance(value, date):
        return value.isoformat()[:10]
    if isinstance(value, str):
        if not is_date(value):
            raise InvalidInputError(
                f"expected a number or a date such as 2010-07-16 for {name}, got {shown(value)}"
            )
        return value
    return _number(name, value)
