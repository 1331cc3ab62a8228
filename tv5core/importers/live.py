"""Stores titles of a live provider in a catalogue that may hold titles from files.

A title is matched as a row of a file would be: by its ids, else by name, kind and year. What the
same provider said before is replaced, since it may have withdrawn something; values of other
sources are kept and merged by the rule of :mod:`tv5core.importers.merge`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from tv5core.arguments import as_list, check_type
from tv5core.errors import InvalidInputError
from tv5core.importers.base import Row
from tv5core.importers.merge import merge
from tv5core.importers.resolve import Bridge, Resolver
from tv5core.types import Offer, Title

__all__ = ["LiveCatalog", "MergingCatalog", "Placed"]

_TMDB_PAGE = "themoviedb.org/"


@runtime_checkable
class LiveCatalog(Protocol):
    """The methods of :class:`tv5core.catalog.Catalog` that are used here."""

    def find(self, alias: str) -> tuple[str, ...]:
        """Ids of the titles that carry an alias, oldest first."""
        ...

    def get_many(self, ids: Sequence[str]) -> list[Title | None]:
        """Return the titles of these ids; None for an unknown one."""
        ...

    def add(
        self, titles: Sequence[Title], /, *, embed: bool, checkpoint: tuple[str, bytes] | None
    ) -> Any:
        """Store titles and a checkpoint in one transaction."""
        ...

    def checkpoint(self, key: str) -> bytes | None:
        """Return the checkpoint stored under a key."""
        ...


class Placed(msgspec.Struct, frozen=True):
    """Numbers of titles: new, changed and unchanged."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0


class MergingCatalog:
    """A catalogue that merges titles of a live provider into the titles of the same works.

    Parameters
    ----------
    catalog : LiveCatalog
        Open for writing.
    """

    def __init__(self, catalog: LiveCatalog) -> None:
        check_type("catalog", catalog, LiveCatalog)
        self._catalog = catalog
        self._resolver = Resolver(catalog, Bridge(), unite=restate)
        self.find, self.checkpoint = catalog.find, catalog.checkpoint

    def add(
        self,
        titles: Sequence[Title],
        /,
        *,
        embed: bool = True,
        checkpoint: tuple[str, bytes] | None = None,
    ) -> Placed:
        """Store titles under the ids they have in the catalogue; see ``Catalog.add``."""
        titles = as_list("titles", titles)
        for title in titles:
            _check_title(title)
        outcomes = Counter(self._place(place, title) for place, title in enumerate(titles))
        placed = list(self._resolver.pending.values())
        self._catalog.add(placed, embed=embed, checkpoint=checkpoint)
        self._resolver.flushed()
        new, same = outcomes["new"], outcomes["unchanged"]
        return Placed(new, len(titles) - new - same, same)

    def _place(self, place: int, title: Title) -> str:
        # The source's own id is among the external ids; the catalogue's may be another.
        return self._resolver.place(Row(place, msgspec.structs.replace(title, id="")))


def _check_title(title: Title) -> None:
    """Raise InvalidInputError for what a catalogue would refuse, before anything is placed."""
    check_type("a title", title, Title)
    try:
        msgspec.msgpack.decode(msgspec.msgpack.encode(title), type=Title)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInputError(f"expected a valid Title, got one where: {error}") from error


def restate(stored: Title, incoming: Title, *, restated: bool = False) -> Title:
    """Merge a stored title with what a live provider says now.

    Of titles whose main source it is, everything it says replaces what is stored. Ids elsewhere
    and the catalogue's own fields stay, and so do offers, but for those that the same source gave
    before: of TMDB, which names all countries at once, all of them; of JustWatch those in the
    countries of the new offers.
    """
    if stored.source == incoming.source and _same_entry(stored, incoming):
        united = msgspec.structs.replace(
            incoming,
            id=stored.id,
            external_ids={**stored.external_ids, **incoming.external_ids},
            extra={**stored.extra, **incoming.extra},
        )
    else:
        united = merge(stored, incoming, restated=restated)
    return msgspec.structs.replace(united, offers=_offers(stored, incoming))


def _offers(stored: Title, incoming: Title) -> tuple[Offer, ...]:
    """Replace what a live source offered before by what it offers now.

    An offer that another source gives too remains the other's, or it would go with the first.
    """
    spoken = {(_source(offer), offer.region) for offer in incoming.offers}
    found: dict[tuple[str, ...], Offer] = {}
    for offer in stored.offers:
        source = _source(offer)
        if (source != incoming.source and (source, offer.region) not in spoken) or not source:
            found[_what(offer)] = offer
    for offer in incoming.offers:
        known = found.get(_what(offer))
        if known is None or _source(known) == _source(offer):
            found[_what(offer)] = offer
        elif known.checked_at and offer.checked_at > known.checked_at:
            found[_what(offer)] = msgspec.structs.replace(known, checked_at=offer.checked_at)
    return tuple(found.values())


def _what(offer: Offer) -> tuple[str, ...]:
    return (offer.provider, offer.region, offer.kind, offer.quality)


def _same_entry(stored: Title, incoming: Title) -> bool:
    """Whether both are one entry of TMDB, which has a few works twice, under one IMDb id."""
    mine, theirs = stored.external_ids.get("tmdb"), incoming.external_ids.get("tmdb")
    return stored.kind == incoming.kind and mine == theirs


def _source(offer: Offer) -> str:
    """Return who gave an offer; those of TMDB stored by earlier versions lead to its own page."""
    return offer.source or ("tmdb" if _TMDB_PAGE in offer.url else "")
