"""Matches rows to titles, and makes ids for new titles.

A row is matched, in this order, by

1. its own id, where it states one;
2. an id at TMDB, IMDb or JustWatch, its own or the one a links file adds;
3. its Wikipedia page, where name or people agree as well (list tables often
   link to a page about another film);
4. normalised title, kind and year, unless the two have different ids in one
   scheme or their people and texts contradict each other;
5. the same with the year before or after, where people, texts or the length
   agree well or the name is long; for series with any year, where people or
   texts agree well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from tv5core.importers.base import Link, Row
from tv5core.importers.evidence import (
    CONTRADICTED,
    STRONG,
    SUPPORTED,
    agreement,
    ids_conflict,
    near_year_suffices,
    own_id,
)
from tv5core.importers.merge import merge
from tv5core.names import normalise_name
from tv5core.store.aliases import aliases, external_alias, name_alias
from tv5core.types import Title

__all__ = ["Bridge", "Resolver", "Store"]

_SCHEMES = ("tmdb", "imdb", "justwatch")
_MAX_NAMESAKES = 50
# Years by which list tables and re-releases differ.
_PAGE_YEARS = 3


class Store(Protocol):
    """The methods of a catalogue that resolving uses."""

    def find(self, alias: str) -> tuple[str, ...]:
        """Ids of the titles that carry an alias."""
        ...

    def get_many(self, ids: Sequence[str]) -> list[Title | None]:
        """Return the titles of these ids; None for an unknown one."""
        ...


class Bridge:
    """Pairs of IMDb and TMDB ids of films, from links files."""

    def __init__(self) -> None:
        self._tmdb: dict[str, str] = {}
        self._imdb: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._tmdb)

    def add(self, link: Link) -> None:
        """Add a pair; the first one of an id counts."""
        self._tmdb.setdefault(link.imdb, link.tmdb)
        self._imdb.setdefault(link.tmdb, link.imdb)

    def complete(self, title: Title) -> Title:
        """Return the title with the id that its other id implies."""
        ids = title.external_ids
        imdb, tmdb = ids.get("imdb", ""), ids.get("tmdb", "")
        if title.kind != "movie" or bool(imdb) == bool(tmdb):
            return title
        added = {"tmdb": self._tmdb.get(imdb, "")} if imdb else {"imdb": self._imdb.get(tmdb, "")}
        if not any(added.values()):
            return title
        return msgspec.structs.replace(title, external_ids={**ids, **added})


class Unite(Protocol):
    """A rule by which two descriptions of one work become one; see :func:`merge`."""

    def __call__(self, stored: Title, incoming: Title, *, restated: bool = False) -> Title:
        """Return the title as it is to be stored."""
        ...


class Resolver:
    """Matches rows one after another; the titles they change collect in ``pending``.

    Parameters
    ----------
    store : Store
    bridge : Bridge
    unite : Unite
        The rule for a row about a title that is there already.

    Attributes
    ----------
    pending : dict of str to Title
        New and changed titles by id, since :meth:`flushed`.
    """

    def __init__(self, store: Store, bridge: Bridge, *, unite: Unite = merge) -> None:
        self._store = store
        self._bridge = bridge
        self._unite = unite
        self._by_alias: dict[str, list[str]] = {}
        self._stated: set[str] = set()
        self._dated: dict[str, str] = {}
        self.pending: dict[str, Title] = {}

    def flushed(self) -> None:
        """Clear the pending titles, which the catalogue has stored."""
        self.pending = {}
        self._by_alias = {}

    def next_file(self) -> None:
        """Clear the dates of the previous file's rows."""
        self._dated = {}

    def passed(self, row: Row) -> None:
        """Record a row that an earlier, interrupted import has placed."""
        found = self._match_row(row)[1] if row.dated else None
        self._placed(row, found.id if found is not None else "")

    def _placed(self, row: Row, key: str) -> None:
        if row.title.id:
            self._stated.add(row.title.id)
        if row.dated and key:
            self._dated.setdefault(key, row.dated)

    def place(self, row: Row) -> str:
        """Store a row's title as pending, alone or merged.

        Returns
        -------
        str
            ``new``, ``merged`` (into a title of another source), ``changed``
            (an update of a title of the same source) or ``unchanged``.
        """
        title, found = self._match_row(row)
        if found is None:
            fresh = self._with_id(title, row.fallback)
            # Merged with itself it has no name twice, as after any later merge.
            self._put(merge(fresh, fresh))
            self._placed(row, fresh.id)
            return "new"
        restated = title.id in (found.id, own_id(found)) and title.id not in self._stated
        self._placed(row, found.id)
        merged = self._unite(found, _under(found, title), restated=bool(title.id) and restated)
        if merged == found:
            return "unchanged"
        self._put(merged)
        return "changed" if title.source == found.source else "merged"

    def _put(self, title: Title) -> None:
        self.pending[title.id] = title
        for alias in aliases(title):
            known = self._by_alias.setdefault(alias, [])
            if title.id not in known:
                known.append(title.id)

    def _get(self, ids: Iterable[str]) -> list[Title]:
        distinct = list(dict.fromkeys(ids))
        missing = [key for key in distinct if key not in self.pending]
        stored = dict(zip(missing, self._store.get_many(missing), strict=True)) if missing else {}
        found = (self.pending.get(key) or stored.get(key) for key in distinct)
        return [title for title in found if title is not None]

    def _find(self, alias: str) -> list[Title]:
        if not alias:
            return []
        return self._get((*self._store.find(alias), *self._by_alias.get(alias, ())))

    def _match_row(self, row: Row) -> tuple[Title, Title | None]:
        """Return a row's title as it is to be stored, and the title it is about if there is one."""
        owner, given = self._page_owner(row.title)
        title = self._bridge.complete(given)
        found = self._by_own_id(title) or self._by_external_id(given, title) or owner
        return title, found or self._by_name(title, row)

    def _by_own_id(self, title: Title) -> Title | None:
        if not title.id:
            return None
        found = self._get([title.id]) or self._find(external_alias("own", title.id, title.kind))
        return found[0] if found else None

    def _by_external_id(self, given: Title, title: Title) -> Title | None:
        # Ids of the row itself count before those that a links file implies.
        for ids in (given.external_ids, title.external_ids):
            for scheme in _SCHEMES:
                alias = external_alias(scheme, ids.get(scheme, ""), title.kind)
                for candidate in self._find(alias):
                    if _may_share(given, candidate):
                        return candidate
        return None

    def _page_owner(self, title: Title) -> tuple[Title | None, Title]:
        """Return the title with the row's page, if the same film; else the row without its page."""
        page = title.external_ids.get("wikipedia", "")
        owners = self._find(external_alias("wikipedia", page, title.kind))
        same = next((owner for owner in owners if _same_page(title, owner)), None)
        if same is not None or not owners:
            return same, title
        # The page is about another film: neither id nor evidence for this one.
        ids = {k: v for k, v in title.external_ids.items() if k != "wikipedia"}
        return None, msgspec.structs.replace(title, external_ids=ids)

    def _by_name(self, title: Title, row: Row) -> Title | None:
        base = _derived_id(title, row.fallback)
        named = self._named(title, (title.year,)) if title.year else []
        namesakes = self._compatible(title, row, [*named, *self._family(base)])
        year = title.year or 0
        years = (None,) if title.kind == "show" else (year - 1, year + 1)
        others = self._compatible(title, row, self._named(title, years)) if year else []
        # A title that already has everything in the row is the one the row was merged into before,
        # whatever was added since: without this rule a second import could decide otherwise.
        known = (found for found in (*namesakes, *others) if merge(found, title) == found)
        return (
            next(known, None) or _of_namesakes(title, namesakes, base) or _of_years(title, others)
        )

    def _named(self, title: Title, years: Iterable[int | None]) -> list[Title]:
        found = (self._find(name_alias(title.title, year, title.kind)) for year in years)
        return [title for titles in found for title in titles]

    def _compatible(self, title: Title, row: Row, found: Iterable[Title]) -> list[Title]:
        """Titles that may be the row's: no other id, and no other date in the row's own file."""
        distinct = {other.id: other for other in found}
        return [
            other
            for other in distinct.values()
            if not ids_conflict(title, other)
            and (not row.dated or self._dated.get(other.id, row.dated) == row.dated)
        ]

    def _family(self, base: str) -> list[Title]:
        """Titles whose ids are ``base``, ``base:2``, ``base:3`` ..."""
        found: list[Title] = []
        for key in _numbered(base):
            more = self._get([key])
            if not more:
                break
            found += more
        return found

    def _with_id(self, title: Title, fallback: str) -> Title:
        if title.id:
            return title
        base = _derived_id(title, fallback)
        free = next((key for key in _numbered(base) if not self._get([key])), "")
        return msgspec.structs.replace(title, id=free or f"{base}:{_digest(title.overview)}")


def _of_namesakes(title: Title, namesakes: Iterable[Title], base: str) -> Title | None:
    """Return the title of one name, kind and year that a row is about."""
    scored = [(agreement(title, found), found) for found in namesakes]
    best = max((score for score, _ in scored), default=CONTRADICTED)
    if best == CONTRADICTED:
        return None
    top = [found for score, found in scored if score == best]
    if len(top) == 1 or best >= SUPPORTED:
        return top[0]
    # Several namesakes that nothing distinguishes: only one that a row like this made.
    return next((found for found in top if found.id.startswith(base)), None)


def _of_years(title: Title, others: Iterable[Title]) -> Title | None:
    """Return the title of another year that agrees best, if any agrees well enough."""
    year = title.year or 0
    scored = [(agreement(title, found), -abs((found.year or 0) - year), found) for found in others]
    scored = [entry for entry in scored if entry[0] > CONTRADICTED]
    well = [entry for entry in scored if entry[0] >= STRONG]
    if well:
        return max(well, key=lambda entry: entry[:2])[2]
    if len(scored) == 1 and near_year_suffices(title, scored[0][2]):
        return scored[0][2]
    return None


def _numbered(base: str) -> Iterable[str]:
    yield base
    yield from (f"{base}:{n}" for n in range(2, _MAX_NAMESAKES))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _derived_id(title: Title, fallback: str) -> str:
    """Make the id of a new title: of its external ids, else of its name or its row."""
    for scheme in (*_SCHEMES, "wikipedia"):
        if alias := external_alias(scheme, title.external_ids.get(scheme, ""), title.kind):
            return alias
    if title.year is None and fallback:
        return f"row:{fallback}"
    year = "" if title.year is None else title.year
    named = name_alias(title.title, title.year, title.kind)
    return named or f"name:{title.kind}:{year}:~{_digest(title.title)}"


def _under(found: Title, title: Title) -> Title:
    """Return a row's title as it goes into another: the user's id becomes an external id."""
    mine = own_id(title)
    if not mine or mine == own_id(found):
        return title
    return msgspec.structs.replace(title, external_ids={**title.external_ids, "own": mine})


def _may_share(title: Title, found: Title) -> bool:
    """Whether a shared id is reliable although another id may differ.

    TMDB has a few films twice under one IMDb id, and malformed rows carry the
    IMDb id of another film: names distinguish the two cases.
    """
    if title.kind != found.kind:
        return True
    mine, theirs = title.external_ids.get("tmdb"), found.external_ids.get("tmdb")
    if not mine or not theirs or mine == theirs:
        return True
    names = {normalise_name(title.title), normalise_name(title.original_title)} - {""}
    return bool(names & {normalise_name(found.title), normalise_name(found.original_title)})


def _same_page(title: Title, found: Title) -> bool:
    """Whether two titles with one Wikipedia page are one film.

    The page's text is no evidence here, since both rows have it.
    """
    name, other = normalise_name(title.title), normalise_name(found.title)
    if name == other and abs((title.year or 0) - (found.year or 0)) <= _PAGE_YEARS:
        return True
    cast = {normalise_name(person.name) for person in title.cast}
    others = {normalise_name(person.name) for person in found.cast}
    return (name in other or other in name) and bool(cast & others)
