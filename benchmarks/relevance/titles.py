"""The titles that queries are judged against, and how a judgement's name finds them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from benchmarks.relevance.names import folded
from benchmarks.relevance.predicates import Facts, names_of
from tv5core import Title

__all__ = ["Titles", "read_lines"]


def read_lines(path: Path) -> list[Title]:
    """Read titles from JSON Lines, as ``tv5 export`` writes them.

    Raises
    ------
    ValueError
        The file is missing or a line of it is no title.
    """
    decoder = msgspec.json.Decoder(Title)
    try:
        with path.open("rb") as lines:
            return [decoder.decode(line) for line in lines if line.strip()]
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"expected titles as JSON Lines in {path}, got {error}") from error


class Titles:
    """All titles, in the order of their ids.

    Parameters
    ----------
    titles : iterable of Title
    """

    def __init__(self, titles: Iterable[Title]) -> None:
        self.all: Sequence[Title] = sorted(titles, key=lambda title: title.id)

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Title]:
        return iter(self.all)

    @cached_property
    def by_id(self) -> dict[str, Title]:
        """Titles by id."""
        return {title.id: title for title in self.all}

    @cached_property
    def _facts(self) -> Facts:
        return Facts(self.all)

    def select(self, predicate: str) -> list[str]:
        """Return the ids of the titles a predicate holds for.

        Raises
        ------
        ValueError
            The predicate is malformed.
        """
        return [self.all[number].id for number in self._facts.select(predicate)]

    @cached_property
    def by_name(self) -> dict[str, list[Title]]:
        """Titles by each of their folded names."""
        found: defaultdict[str, list[Title]] = defaultdict(list)
        for title in self.all:
            for name in {folded(name) for name in names_of(title)}:
                found[name].append(title)
        return dict(found)

    def find(self, name: str, year: int | None, kind: str) -> frozenset[str]:
        """Return the ids of a work: its name, its year (else one beside it) and kind.

        A catalogue may hold a work twice; all its records are returned.
        """
        same = [t for t in self.by_name.get(folded(name), ()) if t.kind == kind]
        for off in (0, 1):
            found = [t.id for t in same if year is None or abs((t.year or 0) - year) <= off]
            if found:
                return frozenset(found)
        return frozenset()

    @cached_property
    def checksum(self) -> str:
        """Return a hash over the kind, year and name of every title."""
        digest = hashlib.sha256()
        for line in sorted(f"{t.kind}\t{t.year}\t{t.title}\n" for t in self.all):
            digest.update(line.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]
