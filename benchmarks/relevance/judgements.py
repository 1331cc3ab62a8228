"""Queries with what answers them, written by hand in ``sets/`` or generated.

A line of a set is ``query | judgement``. A judgement names works, separated by ``;``, as
``Name (year)`` or ``Name (year, show)``; works after ``~`` are second best. ``{predicate}`` takes
what is true of a title (:mod:`~benchmarks.relevance.predicates`). ``*`` before it wants all of
them, not one. ``none``: the right answer is no answer.

A work may have several records in a catalogue: each of them counts, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.relevance.titles import Titles

__all__ = ["HALVES", "WRITTEN", "Query", "Unresolved", "Want", "read", "resolve"]

HALVES = ("tuning", "testing")
WRITTEN = (
    "ambiguous", "other-language", "non-latin", "people", "character", "plot", "mood", "filters",
    "franchise", "nonsense",
)  # fmt: skip
"""Groups written by hand."""

_SETS = Path(__file__).parent / "sets"
_LISTED = frozenset({"people", "mood", "filters"})
"""Groups in which a predicate describes every answer, not one work."""
_SHARE_OF_FRANCHISE = 0.5
_WORK = re.compile(r"(.+) \((\d{4})(, show)?\)")
_FEWEST = 3
"""A predicate of fewer titles says nothing about a ranking."""

FIRST, SECOND = 3, 1
"""Gain of a work, and of one that is second best."""


@dataclass(frozen=True)
class Want:
    """How a query's answers are judged.

    ``"one"``: one of the works is wanted. ``"all"``: all of them. ``"none"``: no answer.
    """

    kind: str
    works: tuple[frozenset[str], ...] = ()
    """Ids of each work, the best first."""
    gains: tuple[int, ...] = ()
    """Gain of each work."""
    share: float = 0.9
    """How much of all is enough."""


@dataclass(frozen=True)
class Query:
    """A text as it is typed, its group, and what answers it."""

    group: str
    text: str
    want: Want


@dataclass(frozen=True)
class Unresolved:
    """A written query that the titles at hand cannot judge, and why."""

    group: str
    text: str
    reason: str


def read(half: str) -> Iterator[tuple[str, str, str]]:
    """Read the written set: group, query, judgement.

    Raises
    ------
    ValueError
        A line is malformed.
    """
    for path in sorted(_SETS.glob(f"{half}-*.txt")):
        group = ""
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.startswith("[") and line.endswith("]"):
                group = line[1:-1]
            elif line.strip():
                query, sign, judgement = line.partition(" | ")
                if not sign or group not in WRITTEN:
                    raise ValueError(f"expected 'query | judgement' in {path.name}:{number}")
                yield group, query.strip(), judgement.strip()


def resolve(half: str, titles: Titles) -> tuple[list[Query], list[Unresolved]]:
    """Judge the written queries of a half against titles.

    Returns
    -------
    list of Query, list of Unresolved
        Queries that can be judged, and those of which no work is known here.

    Raises
    ------
    ValueError
        A set is malformed.
    """
    found: list[Query] = []
    missing: list[Unresolved] = []
    for group, text, judgement in read(half):
        want = _want(group, judgement, titles)
        if isinstance(want, str):
            missing.append(Unresolved(group, text, want))
        else:
            found.append(Query(group, text, want))
    return found, missing


def _want(group: str, judgement: str, titles: Titles) -> Want | str:
    if judgement == "none":
        return Want("none")
    kind = "all" if judgement.startswith("*") or group in _LISTED else "one"
    best, _, second = judgement.removeprefix("*").strip().partition(" ~ ")
    works = _works(best, titles)
    others = [work for work in _works(second, titles) if work not in works] if second else []
    if not works:
        return f"no title is {best}"
    if kind == "all" and len(works) < _FEWEST and group in _LISTED:
        return f"{len(works)} titles are {best}"
    gains = [FIRST] * len(works) + [SECOND] * len(others)
    share = _SHARE_OF_FRANCHISE if group == "franchise" else 0.9
    return Want(kind, (*works, *others), tuple(gains), share)


def _works(text: str, titles: Titles) -> list[frozenset[str]]:
    works: list[frozenset[str]] = []
    for name in text.split(" ; "):
        if name.startswith("{") and name.endswith("}"):
            works += [frozenset({found}) for found in titles.select(name[1:-1])]
            continue
        parts = _WORK.fullmatch(name.strip())
        if not parts:
            raise ValueError(f"expected Name (year), Name (year, show) or {{predicate}}: {name!r}")
        ids = titles.find(parts[1], int(parts[2]), "show" if parts[3] else "movie")
        works += [ids] if ids else []
    return list(dict.fromkeys(works))
