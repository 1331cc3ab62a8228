"""What a catalogue offers for recommending and browsing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy.typing as npt

from tv5core.arguments import check_flag, check_int, check_real, check_type, shown
from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.index.served import ServedIndex
from tv5core.catalog.reader import CatalogReader
from tv5core.catalog.recommending.facts_source import FactsSource
from tv5core.catalog.recommending.filtering import Titles
from tv5core.catalog.recommending.learning import LearntSource, forget, learn
from tv5core.catalog.recommending.lists import Listed, Lists
from tv5core.catalog.recommending.recommender import Asked, Recommender
from tv5core.catalog.recommending.stored_profiles import StoredProfiles
from tv5core.catalog.recommending.tastes import TasteReader
from tv5core.catalog.search_reader import Facets, SearchRequest
from tv5core.catalog.spaces.second_space import SecondSpace
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.columns import Expression
from tv5core.errors import InvalidInputError
from tv5core.recommend import LearnReport, Profile, Recommendation
from tv5core.recommend.profiles import check_profile
from tv5core.results import BrowseResult
from tv5core.store import Store
from tv5core.types import Hit, Progress

__all__ = ["RecommendingCatalog"]

Like = str | npt.ArrayLike


class RecommendingCatalog(CatalogReader):
    """A catalogue's recommendations and lists."""

    def __init__(
        self, store: Store, manager: IndexManager, text: TextEmbedding, second: SecondSpace
    ) -> None:
        super().__init__(store, manager, text, second)
        self._facts = FactsSource()
        self._learnt = LearntSource(store, manager.recovery)
        self._tastes, self._profiles = TasteReader(store, text), StoredProfiles(store)
        self._recommender = Recommender(store, self._learnt, manager.recovery)
        self._lists = Lists(store, manager.recovery)

    def after_fork(self) -> None:
        """Restart in a child what another thread of the parent may have been at."""
        self._learnt.after_fork()

    # -- recommending ---------------------------------------------------------------------

    def recommend(
        self,
        like: Iterable[Like] | Like = (),
        *,
        dislike: Iterable[Like] | Like = (),
        seen: Iterable[str] | str = (),
        profile: str | Profile | None = None,
        where: Expression | str | None = None,
        allow: Iterable[str] | None = None,
        k: int = 20,
        diversity: float = 0.3,
        explain: bool = False,
    ) -> list[Recommendation]:
        """Recommend titles to someone who likes some.

        Scores add up the likeness of text to the nearest like, shared people, keywords and
        genres, how close in time titles are, votes and ratings, and, after :meth:`learn`, who
        consumed the same titles. The weights are measured; see ``docs/guide/recommendations.md``.

        Parameters
        ----------
        like : iterable of str or array_like [dim]
            Ids of titles, or vectors such as :meth:`embed_queries` returns, oldest first: the
            latest count most, one 23 places before another half of it.
        dislike : iterable of str or array_like [dim]
            What is nearer to one of these than to any like goes down.
        seen : iterable of str
            Ids that are not to be recommended, unknown ones ignored. Neither are likes and
            dislikes themselves.
        profile : str or Profile, optional
            A stored or shipped profile's name, whose likes come before these; see
            :meth:`profiles`.
        where : Expression or str, optional
            Only titles for which this filter is true, such as ``F.year >= 1990`` or
            ``"year:1990.. -adult"``.
        allow : iterable of str, optional
            Only these ids; unknown ones are ignored.
        k : int
            1 to 1,000: each is compared with all before it.
        diversity : float
            From 0 (by score alone) to 1: how much a title loses for resembling those before it
            (maximal marginal relevance over the best 5 k).
        explain : bool
            Give reasons with each title.

        Returns
        -------
        list of Recommendation
            Always min(k, number of titles that may be recommended).

        Raises
        ------
        InvalidInputError
            Nothing is liked and there is no profile; an unknown profile; a number out of range.
        UnknownIdError
            A like or dislike that the catalogue does not have.
        DimensionError, NonFiniteVectorError, ZeroVectorError
        """
        asked_k, spread = check_int("k", k, 1, 1_000), check_real("diversity", diversity, 0.0, 1.0)
        explained, served = check_flag("explain", explain), self._current()
        known = None if profile is None else self.profile(profile)
        read = self._tastes.read(served, like, dislike, seen, known)
        some = self._titles(served)
        allowed = some.mask(where, allow)
        if known is not None:
            allowed = some.wanted(known, allowed)
        asked = Asked(asked_k, spread, allowed, explained)
        return self._recommender.recommend(served, some.facts, read, asked)

    def profile(self, profile: str | Profile) -> Profile:
        """Return a profile by its name, or the one given after checking it.

        Raises
        ------
        InvalidInputError
        """
        if isinstance(profile, str):
            self._check_open()
            return self._profiles.get(profile)
        if not isinstance(profile, Profile):
            raise InvalidInputError(f"expected a profile or its name, got {shown(profile)}")
        return check_profile("given", profile)[1]

    def profiles(self) -> dict[str, Profile]:
        """Return all profiles by name: those that ship, and those that are stored."""
        self._check_open()
        return self._profiles.all()

    def put_profile(self, name: str, profile: Profile) -> None:
        """Store a profile in place of the one of that name, a shipped one included.

        Parameters
        ----------
        name : str
            Of 1 to 64 lower-case letters, digits, ``-`` and ``_``.
        profile : Profile

        Raises
        ------
        InvalidInputError
            A field's type is wrong, or there is nothing to recommend by.
        """
        self._check_writable()
        self._profiles.put(name, profile)

    def delete_profile(self, name: str) -> bool:
        """Remove a stored profile; return whether there was one. A shipped one shows again."""
        self._check_writable()
        check_type("name", name, str)
        return self._profiles.delete(name)

    # -- learning -------------------------------------------------------------------------

    def learn(
        self,
        interactions: Iterable[tuple[str | int, str, float]],
        progress: Progress | None = None,
    ) -> LearnReport:
        """Learn which titles are consumed by the same users, in place of what was learnt before.

        What is learnt is a sealed file of vectors of titles, not of users; recommendations use it
        from the next call on, in every process. Give all interactions each time.

        Parameters
        ----------
        interactions : iterable of (user, title id, weight)
            A user's name or number, a title's id or one elsewhere such as ``imdb:tt1375666``, and
            a weight above 0, such as how often it was played. Leave out what was not liked.
        progress : callable, optional

        Returns
        -------
        LearnReport
            Also how many were left out because the catalogue does not have the title.

        Raises
        ------
        InvalidInputError
            An interaction is none, or the catalogue has none of the titles.
        DiskFullError, DiskFailureError
            What was learnt before stays.
        """
        self._check_writable(progress)
        return learn(self._store, interactions, self._manager.cancellable(progress))

    def forget_learnt(self) -> bool:
        """Remove what was learnt; return whether there was anything."""
        self._check_writable()
        return forget(self._store)

    def learnt(self) -> dict[str, Any]:
        """Describe what was learnt: ``users``, ``titles``, ``interactions``, ``rank``; or empty."""
        found = self._learnt.current(self._titles(self._current()).facts)
        if found is None:
            return {}
        model = found.model
        return {
            "users": model.users,
            "titles": len(model),
            "interactions": model.interactions,
            "rank": model.rank,
        }

    def learnt_version(self) -> str:
        """Return what identifies what was learnt, for caches; empty for nothing."""
        self._check_open()
        record = self._learnt.record()
        return "" if record is None else f"{record.name}:{record.checksum:08x}"

    # -- lists ----------------------------------------------------------------------------

    def browse(
        self,
        *,
        genre: str | None = None,
        sort: str = "popularity",
        where: Expression | str | None = None,
        allow: Iterable[str] | None = None,
        k: int = 20,
        offset: int = 0,
        cursor: str | None = None,
        facets: Facets = (),
        explain: bool = False,
    ) -> BrowseResult:
        """List titles in an order.

        Parameters
        ----------
        genre : str, optional
            Only titles of this genre, whatever its case.
        sort : {"popularity", "rating", "votes", "date", "title"}
            Numbers descend, dates from the newest, names from A on; with ``:asc`` or ``:desc`` for
            the other direction. Ratings of few votes count less: as if each title had 100 votes of
            6.0 more. Titles without a value come last.
        where, allow
            As for :meth:`recommend`.
        k : int
            1 to 10,000.
        offset : int
            Titles to skip.
        cursor : str, optional
            Of the page before, to continue after its last title: without repeats or gaps, and with
            the same total and facets, whatever is added meanwhile.
        facets : sequence of str, or mapping of str to int
            As for :meth:`search`.
        explain : bool
            Say what the filter was estimated to leave, and what it leaves.

        Returns
        -------
        BrowseResult
            A sequence of titles.

        Raises
        ------
        InvalidInputError
        """
        check_type("genre", genre, (str, type(None)))
        asked = SearchRequest.of(
            "",
            k,
            where=where,
            sort=sort,
            facets=facets,
            cursor=cursor,
            explain=explain,
            allow=allow,
        )
        skipped = check_int("offset", offset, 0)
        if skipped and asked.cursor:
            raise InvalidInputError("expected an offset or a cursor, got both")
        return self._searcher.browse(self._current(), asked, genre, skipped)

    def trending(
        self,
        *,
        genre: str | None = None,
        where: Expression | str | None = None,
        allow: Iterable[str] | None = None,
        k: int = 20,
        half_life_days: float = 90.0,
        today: date | None = None,
    ) -> list[Hit]:
        """List what is popular now: popularity halves with every half-life since the release.

        Parameters
        ----------
        genre, where, allow, k
            As for :meth:`browse`.
        half_life_days : float
            From 0.1.
        today : date, optional
            The day to look from.

        Returns
        -------
        list of Hit
            ``score`` is the popularity that is left.

        Raises
        ------
        InvalidInputError
        """
        some = self._titles(self._current())
        listed = Listed(some, genre, where, allow, check_int("k", k, 1, 10_000))
        return self._lists.trending(listed, half_life_days, today)

    def _titles(self, served: ServedIndex) -> Titles:
        return Titles(self._store, *self._facts.of(served))
