r"""Filters as text, and text as filters.

::

    genre:(Drama|Crime) year:1990..1999 on:netflix@US/flatrate runtime:<=100 -adult person:"Ann Lee"

======================== ==================================================================
written                  means
======================== ==================================================================
``a b``                  both; ``a & b`` and ``a AND b`` too
``a | b``, ``a OR b``    one of them; binds less than "both"
``-a``, ``~a``,          not; a title without a value is among those
``NOT a``
``( )``                  groups
``*``                    every title
``adult``                a field that is true or false
``field:value``          the title has the value
``field:(a|b)``          one of the values; ``field:(a&b)`` all of them
``field:*``              any value
``field:"two words"``    a value with blanks or marks in it; ``\"`` is a quotation mark
``year:1990..1999``      within bounds, included; either may be left out
``year:>=1990``          also ``>``, ``<=``, ``<``, ``=``
``year:1990s``           ten years
``date:2010-07``         a day, a month or a year
``on:netflix@US/rent``   service, country, kind of offer; each may be left out
``extra.studio:A24``     one of the catalogue's own fields
======================== ==================================================================
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from tv5core.arguments import check_text, shown
from tv5core.columns import EVERYTHING, Expression, F, check_filter
from tv5core.columns.expressions import MAX_DEPTH, all_of, any_of, not_
from tv5core.columns.fields import EXTRA, FIELDS, nearest
from tv5core.columns.filters import ExtraField, offered
from tv5core.errors import InvalidFilterError, InvalidInputError

__all__ = ["ALIASES", "MAX_CHARACTERS", "as_filter", "field_names", "parse"]

MAX_CHARACTERS = 65_536
"""Longest filter as text."""
ALIASES = {"provider": "on", "actor": "cast", "writer": "creator"}
"""Other names of fields."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_DIGITS = len(str(1 << 62))
_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"(?:AND|OR|NOT)(?![^\s()&|])|[&|()~*]|-")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_BARE = re.compile(r"[^\s()|&\"\u201c\u201d\u201e]+")
# Between straight marks, others are letters of the value: so does a filter as text have them.
_QUOTED = re.compile(
    r'"((?:[^"\\]|\\.)*)"'
    r'|["\u201c\u201d\u201e]((?:[^"\u201c\u201d\u201e\\]|\\.)*)["\u201c\u201d\u201e]',
    re.DOTALL,
)
_MARKS = tuple('"\u201c\u201d\u201e')
_OFFERED = re.compile(r"(?:@(?P<region>[^/]*))?(?:/(?P<offer>.*))?")
_COMPARED = re.compile(r"(<=|>=|<|>|=)(.+)")
_DECADE = re.compile(r"(\d{3}0)s", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?|[+-]?inf", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d)?", re.ASCII)


class _Value(NamedTuple):
    """A value as it is written, where it stands, and whether it was in quotation marks."""

    text: str
    place: int
    quoted: bool
    after: str = ""  # what follows the closing quotation mark


def as_filter(where: object, schema: Mapping[str, str]) -> Expression:
    """Return the filter that a caller means by ``where``.

    Parameters
    ----------
    where : Expression, str or None
        None is every title.
    schema : mapping of str to str
        Types of the catalogue's own fields by name.

    Raises
    ------
    InvalidFilterError
        The text is no filter.
    InvalidInputError
        Something else, or a field or value that the catalogue does not have.
    """
    if where is None:
        return EVERYTHING
    if isinstance(where, str):
        return parse(where, schema)
    if not isinstance(where, Expression):
        raise InvalidInputError(f"expected a filter or its text, got {shown(where)}")
    check_filter(where, schema)
    return where


def field_names(schema: Mapping[str, str]) -> list[str]:
    """Return the names that may stand before a colon."""
    return [*FIELDS, *ALIASES, *(EXTRA + name for name in schema)]


def parse(text: str, schema: Mapping[str, str] | None = None) -> Expression:
    """Read a filter.

    Parameters
    ----------
    text : str
        Empty for every title.
    schema : mapping of str to str, optional
        Types of the catalogue's own fields; without it they are not checked.

    Raises
    ------
    InvalidFilterError
        With the position of what is wrong, and the nearest known word.

    Examples
    --------
    >>> parse("year:1990s") == F.year.between(1990, 1999)
    True
    """
    check_text("a filter", text)
    if len(text) > MAX_CHARACTERS:
        raise InvalidFilterError(
            f"expected a filter of at most {MAX_CHARACTERS:,} characters, got {len(text):,}"
        )
    if found := _CONTROL.search(text):
        _refuse("no control character", repr(found[0]), found.start())
    return _Parser(text, schema).whole()


def _refuse(expected: str, got: str, place: int) -> NoReturn:
    raise InvalidFilterError(f"expected {expected} at {place}, got {got}", place)


class _Parser:
    """Reads one text from left to right, by recursive descent."""

    def __init__(self, text: str, schema: Mapping[str, str] | None) -> None:
        self._text, self._schema = text, schema
        self._at, self._depth = 0, 0

    def whole(self) -> Expression:
        self._skip()
        found = self._either() if self._at < len(self._text) else EVERYTHING
        if self._at < len(self._text):
            _refuse("the end or another clause", self._next(), self._at)
        return found

    # -- tokens ---------------------------------------------------------------------------

    def _skip(self) -> None:
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _mark(self) -> str:
        """Return the mark or the word in capitals that comes next, or an empty text."""
        found = _WORD.match(self._text, self._at)
        return found[0] if found else ""

    def _take(self, *marks: str) -> bool:
        mark = self._mark()
        if mark and mark in marks:
            self._at += len(mark)
            self._skip()
            return True
        return False

    def _next(self) -> str:
        """Return what comes next, for a message."""
        rest = self._text[self._at : self._at + 40]
        return repr(rest.split(maxsplit=1)[0]) if rest.strip() else "the end"

    # -- expressions ----------------------------------------------------------------------

    def _either(self) -> Expression:
        parts = [self._both()]
        while self._take("|", "OR"):
            parts.append(self._both())
        return self._placed(self._at, lambda: any_of(parts))

    def _both(self) -> Expression:
        parts = [self._negated()]
        while self._at < len(self._text) and (
            self._take("&", "AND") or self._mark() not in ("|", "OR", ")")
        ):
            parts.append(self._negated())
        return self._placed(self._at, lambda: all_of(parts))

    def _negated(self) -> Expression:
        negative = False
        while self._take("-", "~", "NOT"):
            negative = not negative
        found = self._primary()
        return not_(found) if negative else found

    def _primary(self) -> Expression:
        if self._take("*"):
            return EVERYTHING
        if self._mark() == "(":
            return self._group()
        return self._clause()

    def _group(self) -> Expression:
        opened = self._at
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _refuse(f"brackets up to {MAX_DEPTH} deep", "more", opened)
        self._take("(")
        found = self._either()
        if not self._take(")"):
            _refuse(f"a closing bracket for that at {opened}", self._next(), self._at)
        self._depth -= 1
        return found

    def _clause(self) -> Expression:
        place, name = self._at, _NAME.match(self._text, self._at)
        if name is None:
            _refuse("a field and its value, such as genre:drama,", self._next(), place)
        self._at = name.end()
        field = self._field(name[0], place)
        if not self._text.startswith(":", self._at):
            self._skip()
            if field == "adult":
                return F.adult
            _refuse(f"a value for {field}, as in {field}:...,", self._next(), self._at)
        self._at += 1
        found = self._values(field)
        self._skip()
        return found

    def _field(self, name: str, place: int) -> str:
        lower = name.lower()
        field = ALIASES.get(lower, lower)
        known = field_names(self._schema or {})
        if field not in known and not (self._schema is None and field.startswith(EXTRA)):
            _refuse("a field", f"{shown(name)}{nearest(name, known)}", place)
        return field

    # -- values ---------------------------------------------------------------------------

    def _values(self, field: str) -> Expression:
        if not self._text.startswith("(", self._at):
            return self._leaf(field, self._value(field))
        opened = self._at
        self._at += 1
        self._skip()
        values, mark = [self._leaf(field, self._value(field))], ""
        self._skip()
        while (given := self._mark()) in ("|", "&", "OR", "AND"):
            joined = "|" if given in ("|", "OR") else "&"
            if mark not in ("", joined):
                _refuse(f"another {mark} between values", shown(given), self._at)
            mark = joined
            self._take(given)
            values.append(self._leaf(field, self._value(field)))
            self._skip()
        if not self._text.startswith(")", self._at):
            _refuse(f"| or a closing bracket for that at {opened}", self._next(), self._at)
        self._at += 1
        return self._placed(opened, lambda: (all_of if mark == "&" else any_of)(values))

    def _value(self, field: str) -> _Value:
        place = self._at
        if quoted := _QUOTED.match(self._text, place):
            after = _BARE.match(self._text, quoted.end())
            self._at = after.end() if after else quoted.end()
            text = re.sub(r"\\(.)", r"\1", quoted[1] or quoted[2] or "", flags=re.DOTALL)
            return _Value(text, place, quoted=True, after=after[0] if after else "")
        found = _BARE.match(self._text, place)
        if found is None:
            unclosed = self._text[place : place + 1] in _MARKS
            _refuse("a closing quotation mark" if unclosed else f"a value for {field}",
                    self._next(), place)  # fmt: skip
        self._at = found.end()
        return _Value(found[0], place, quoted=False)

    def _leaf(self, field: str, value: _Value) -> Expression:
        if value.after and field != "on":
            _refuse("a blank after the quotation mark", repr(value.after), value.place)
        if field == "on":
            return self._placed(value.place, lambda: _offer(value))
        return self._placed(value.place, lambda: self._checked(_leaf(field, value)))

    def _checked(self, leaf: Expression) -> Expression:
        if self._schema is not None:
            check_filter(leaf, self._schema)
        return leaf

    def _placed(self, place: int, make: Callable[[], Expression]) -> Expression:
        """Make an expression; say where what is wrong with it stands."""
        try:
            return make()
        except InvalidFilterError:
            raise
        except InvalidInputError as error:
            raise InvalidFilterError(f"{error} (at {place})", place) from None


# -- leaves -----------------------------------------------------------------------------------


def _offer(value: _Value) -> Expression:
    if value.quoted:
        service, rest = value.text, value.after
    else:
        service = re.split("[@/]", value.text, maxsplit=1)[0]
        rest = value.text[len(service) :]
    found = _OFFERED.fullmatch(rest)
    if found is None:
        _refuse("@ and a country or / and a kind of offer", repr(rest), value.place)
    named = "" if service == "*" and not value.quoted else service
    return offered(named, found["region"] or "", found["offer"] or "")


def _leaf(field: str, value: _Value) -> Expression:
    kind = FIELDS[field].type if field in FIELDS else "extra"
    of: Any = ExtraField(field) if kind == "extra" else getattr(F, field)
    anything = value.text == "*" and not value.quoted
    if kind == "bool":
        return EVERYTHING if anything else _flag(field, value.text)
    found: Expression
    if anything:
        found = of.exists()
    elif value.quoted or kind in ("keyword", "id"):
        found = of(value.text)
    else:
        found = _ordered(of, kind, value.text)
    return found


def _flag(field: str, word: str) -> Expression:
    if word.lower() not in ("true", "false", "yes", "no"):
        raise InvalidInputError(f"expected true or false for {field}, got {shown(word)}")
    return F.adult if word.lower() in ("true", "yes") else ~F.adult


def _ordered(of: Any, kind: str, text: str) -> Any:
    """Return a comparison, a range, a decade or a value."""
    if (decade := _DECADE.fullmatch(text)) and kind != "extra":
        return of.between(*_bounds(of, kind, decade[1], f"{decade[1][:3]}9"))
    if compared := _COMPARED.fullmatch(text):
        (bound,) = _bounds(of, kind, compared[2])
        return _COMPARE[compared[1]](of, bound)
    low, dots, high = text.partition("..")
    if dots and (kind != "extra" or _looks_ordered(low, high)):
        return of.between(*(_bound(of, kind, x) if x else None for x in (low, high)))
    return of(text) if kind in ("extra", "date") else of(*_bounds(of, kind, text))


def _looks_ordered(low: str, high: str) -> bool:
    """Whether a text of a field whose type is not known is a range: else it is a word."""
    return bool(low or high) and all(
        not x or _NUMBER.fullmatch(x) or _DATE.fullmatch(x) for x in (low, high)
    )


def _bounds(of: Any, kind: str, *texts: str) -> list[object]:
    return [_bound(of, kind, text) for text in texts]


def _bound(of: Any, kind: str, text: str) -> object:
    """Return a bound: a date as it is written, else a number."""
    if kind == "date" or (kind == "extra" and _DATE.fullmatch(text)):
        return text
    if not _NUMBER.fullmatch(text):
        raise InvalidInputError(f"expected a number for {of.name}, got {shown(text)}")
    digits = text.lstrip("+-")
    return int(text) if digits.isdecimal() and len(digits) <= _DIGITS else float(text)


_COMPARE: dict[str, Any] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip
