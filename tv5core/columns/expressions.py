"""Filters as values: immutable, hashable, and equal where they mean the same.

Every expression is in a normal form. Negations stand at the leaves, conjunctions and disjunctions
are flat, sorted and without repeats, and what concerns one field is one leaf where that is
possible: two comparisons are one range, two values of a disjunction are one set. So
``F.year.between(1990, 1999)`` equals ``(F.year >= 1990) & (F.year < 2000)``.

A leaf is true of a title that has a value for which it holds; its negation is true of all other
titles, of those without a value too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from tv5core.arguments import shown
from tv5core.columns.fields import FIELDS
from tv5core.errors import InvalidInputError

__all__ = [
    "EVERYTHING",
    "MAX_DEPTH",
    "NOTHING",
    "And",
    "Bound",
    "Exists",
    "Expression",
    "Ids",
    "Not",
    "Offered",
    "Or",
    "Range",
    "Values",
    "all_of",
    "any_of",
    "drop_field",
    "fields_of",
    "leaves",
    "not_",
]

MAX_DEPTH = 64
"""How deep conjunctions and disjunctions may alternate."""

Bound = int | float | str | None
"""A bound of a range: days since 1970 for a built-in date, a text such as ``2010-07-16`` for one of
the catalogue's own; None where it is open."""


class Expression:
    """What all filters share: ``&``, ``|``, ``~``."""

    __slots__ = ()

    @property
    def depth(self) -> int:
        """How deep conjunctions and disjunctions are nested."""
        return 0

    def __and__(self, other: object) -> Expression:
        return all_of((self, _checked(other)))

    def __or__(self, other: object) -> Expression:
        return any_of((self, _checked(other)))

    def __invert__(self) -> Expression:
        return not_(self)

    def __bool__(self) -> NoReturn:
        raise InvalidInputError(
            "expected filters to be joined by &, | and ~, got `and`, `or`, `not` or a chain of "
            "comparisons"
        )


@dataclass(frozen=True, slots=True)
class Values(Expression):
    """The title has one of some values; a field of people looks at its roles only."""

    field: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range(Expression):
    """The title's number or date is within bounds, which belong to it unless they are open."""

    field: str
    low: Bound
    high: Bound
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class Exists(Expression):
    """The title has a value in the field."""

    field: str


@dataclass(frozen=True, slots=True)
class Offered(Expression):
    """The title is offered by a service, in a country, in a way; each may be left empty."""

    provider: str = ""
    region: str = ""
    offer: str = ""


@dataclass(frozen=True, slots=True)
class Ids(Expression):
    """The title has one of some ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """The leaf is not true of the title."""

    part: Expression


@dataclass(frozen=True, slots=True)
class _Several(Expression):
    parts: tuple[Expression, ...]
    _depth: int = field(default=0, repr=False, compare=False)

    @property
    def depth(self) -> int:
        return self._depth


class And(_Several):
    """All parts are true; without parts, of every title."""

    __slots__ = ()


class Or(_Several):
    """One of the parts is true; without parts, of no title."""

    __slots__ = ()


EVERYTHING, NOTHING = And(()), Or(())


def _checked(value: object) -> Expression:
    if isinstance(value, Expression):
        return value
    raise InvalidInputError(f"expected a filter, got {shown(value)}")


# -- normal form ------------------------------------------------------------------------------


def all_of(parts: Iterable[Expression]) -> Expression:
    """Return the conjunction of expressions."""
    return _joined(And, parts)


def any_of(parts: Iterable[Expression]) -> Expression:
    """Return the disjunction of expressions."""
    return _joined(Or, parts)


def not_(part: Expression) -> Expression:
    """Return the negation of an expression."""
    if isinstance(part, Not):
        return part.part
    if isinstance(part, And):
        return any_of(map(not_, part.parts))
    if isinstance(part, Or):
        return all_of(map(not_, part.parts))
    return Not(part)


def _joined(kind: type[And | Or], parts: Iterable[Expression]) -> Expression:
    """Join parts by ``kind``, of which ``other`` is the opposite; the empty one absorbs."""
    conjunction = kind is And
    other, absorbing = (Or, NOTHING) if conjunction else (And, EVERYTHING)
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    if absorbing in flat:
        return absorbing
    complex_ = [part for part in flat if isinstance(part, other)]
    inner = [part.part for part in flat if isinstance(part, Not)]
    plain = [part for part in flat if not isinstance(part, (Not, And, Or))]
    joined = _leaves_joined(plain, conjunction=conjunction)
    # Negated leaves are joined by the opposite within one negation.
    negated = _leaves_joined(inner, conjunction=not conjunction)
    if joined is None or negated is None:
        return absorbing
    if any(
        _is_within(*((a, b) if conjunction else (b, a))) for a in joined for b in negated
    ):  # a & ~b is nothing where a is within b, and a | ~b is everything where b is within a
        return absorbing
    kept = {*complex_, *joined, *map(Not, negated)}
    if len(kept) == 1:
        return kept.pop()
    return _several(kind, kept)


def _several(kind: type[And | Or], kept: set[Expression]) -> Expression:
    depth = 1 + max((part.depth for part in kept), default=-1)
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"expected filters nested up to {MAX_DEPTH} deep, got {depth}")
    return kind(tuple(sorted(kept, key=_order)), depth)


def _order(part: Expression) -> tuple[bool, str]:
    return isinstance(part, (And, Or)), repr(part.part if isinstance(part, Not) else part)


def _leaves_joined(some: list[Expression], *, conjunction: bool) -> list[Expression] | None:
    """Join leaves of one field where they have a common form; None where they contradict.

    Joined by "or", what they contradict is nothing: then None is never returned.
    """
    groups: dict[object, list[Expression]] = {}
    for leaf in some:
        groups.setdefault(_group(leaf, conjunction=conjunction), []).append(leaf)
    found: list[Expression] = []
    for leaves_ in groups.values():
        joined = _joiner(leaves_[0])(leaves_, conjunction=conjunction)
        if joined is None:
            return None
        found += joined
    return found


def _group(leaf: Expression, *, conjunction: bool) -> object:
    """Return what leaves must have in common to be joined."""
    if isinstance(leaf, Ids):
        return Ids
    if isinstance(leaf, (Range, Exists)):
        return Range, leaf.field
    if isinstance(leaf, Values) and (not conjunction or _is_single(leaf.field)):
        return Values, leaf.field
    return leaf


def _joiner(
    leaf: Expression,
) -> Callable[..., list[Expression] | None]:
    if isinstance(leaf, Ids):
        return _ids_joined
    if isinstance(leaf, (Range, Exists)):
        return _ranges_joined
    return _values_joined if isinstance(leaf, Values) else _first


def _first(some: list[Expression], *, conjunction: bool) -> list[Expression]:
    del conjunction
    return some[:1]


def _is_single(name: str) -> bool:
    return name in FIELDS and FIELDS[name].single


def _sets_joined(sets: list[tuple[str, ...]], conjunction: bool) -> tuple[str, ...]:
    first = set(sets[0])
    return tuple(sorted(first.intersection(*sets) if conjunction else first.union(*sets)))


def _values_joined(some: list[Expression], *, conjunction: bool) -> list[Expression] | None:
    values = [leaf for leaf in some if isinstance(leaf, Values)]
    keys = _sets_joined([leaf.keys for leaf in values], conjunction)
    return [Values(values[0].field, keys)] if keys else None


def _ids_joined(some: list[Expression], *, conjunction: bool) -> list[Expression] | None:
    ids = _sets_joined([leaf.ids for leaf in some if isinstance(leaf, Ids)], conjunction)
    return [Ids(ids)] if ids else None


def _is_within(inner: Expression, outer: Expression) -> bool:
    """Whether the form of two leaves says that one is true wherever the other is."""
    if isinstance(inner, Values) and isinstance(outer, Values):
        return inner.field == outer.field and set(inner.keys) <= set(outer.keys)
    if isinstance(inner, Ids) and isinstance(outer, Ids):
        return set(inner.ids) <= set(outer.ids)
    if isinstance(inner, (Range, Values)) and isinstance(outer, Exists):
        return inner.field == outer.field
    if isinstance(inner, Range) and isinstance(outer, Range) and inner.field == outer.field:
        return _ranges_joined([inner, outer], conjunction=True) == [inner]
    return inner == outer


# -- ranges -----------------------------------------------------------------------------------


def _ranges_joined(some: list[Expression], *, conjunction: bool) -> list[Expression] | None:
    ranges = [leaf for leaf in some if isinstance(leaf, Range)]
    exists: list[Expression] = [leaf for leaf in some if isinstance(leaf, Exists)]
    if exists and not (conjunction and ranges):
        return exists[:1]
    bounds = {bound for leaf in ranges for bound in (leaf.low, leaf.high) if bound is not None}
    if len({isinstance(bound, str) for bound in bounds}) > 1:
        return list(dict.fromkeys(ranges))  # numbers and dates; use says which of them is wrong
    return _intersection(ranges) if conjunction else _union(ranges)


def _low(leaf: Range) -> tuple[bool, int | float | str, bool]:
    """Return a key by which lower bounds ascend."""
    return leaf.low is not None, 0 if leaf.low is None else leaf.low, leaf.low_open


def _high(leaf: Range) -> tuple[bool, int | float | str, bool]:
    """Return a key by which upper bounds ascend."""
    return leaf.high is None, 0 if leaf.high is None else leaf.high, not leaf.high_open


def _intersection(ranges: list[Range]) -> list[Expression] | None:
    low, high = max(ranges, key=_low), min(ranges, key=_high)
    found = Range(low.field, low.low, high.high, low.low_open, high.high_open)
    return None if is_empty(found) else [found]


def is_empty(leaf: Range) -> bool:
    """Whether no value is within a range's bounds."""
    if leaf.low is None or leaf.high is None:
        return False
    beyond = leaf.low > leaf.high  # type: ignore[operator]
    return beyond or (leaf.low == leaf.high and (leaf.low_open or leaf.high_open))


def _union(ranges: list[Range]) -> list[Expression] | None:
    ordered = sorted(ranges, key=_low)
    merged = ordered[:1]
    for leaf in ordered[1:]:
        last = merged[-1]
        if not _touches(last, leaf):
            merged.append(leaf)
        elif _high(leaf) > _high(last):
            merged[-1] = Range(last.field, last.low, leaf.high, last.low_open, leaf.high_open)
    return [Exists(x.field) if x.low is None and x.high is None else x for x in merged]


def _touches(before: Range, after: Range) -> bool:
    """Whether nothing lies between two ranges, of which ``before`` starts first."""
    if before.high is None or after.low is None:
        return True
    if before.high == after.low:
        return not (before.high_open and after.low_open)
    if after.low < before.high:  # type: ignore[operator]
        return True
    whole = before.field in FIELDS and FIELDS[before.field].type in ("int", "date")
    return whole and after.low == before.high + 1  # type: ignore[operator]


# -- looking inside ---------------------------------------------------------------------------


def leaves(expression: Expression) -> Iterator[Expression]:
    """Yield the leaves of an expression, without their negations."""
    if isinstance(expression, (And, Or)):
        for part in expression.parts:
            yield from leaves(part)
    else:
        yield expression.part if isinstance(expression, Not) else expression


def fields_of(expression: Expression) -> set[str]:
    """Return the names of the fields an expression looks at."""
    return {_field_of(leaf) for leaf in leaves(expression)}


def _field_of(leaf: Expression) -> str:
    if isinstance(leaf, Offered):
        return "on"
    return "id" if isinstance(leaf, Ids) else leaf.field  # type: ignore[attr-defined]


def drop_field(expression: Expression, name: str) -> Expression:
    """Return an expression without the clauses that look at one field only.

    Facets that allow several choices count a field's values without the field's own clause.

    Parameters
    ----------
    expression : Expression
    name : str
        Such as ``genre``.
    """
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return all_of(part for part in parts if fields_of(part) != {name})
