"""Recommendations and lists through the cache, with how current they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_list, as_texts, check_flag, check_int, check_real, check_type
from tv5core.cache.answer import Answer
from tv5core.cached.keys import normalized, query_key
from tv5core.catalog import Catalog
from tv5core.catalog.search_reader import Facets, SearchRequest
from tv5core.columns import Expression
from tv5core.recommend import Profile, Recommendation
from tv5core.results import BrowseResult
from tv5core.types import Hit

__all__ = ["PROFILE_K", "RecommendingAnswers"]

Like = str | npt.ArrayLike
T = TypeVar("T")

PROFILE_K = 20
"""How many titles are recommended by default."""


class RecommendingAnswers:
    """The part of :class:`CachedAnswers` that recommends and lists."""

    catalog: Catalog

    @abstractmethod
    async def _several(
        self, kind: str, parts: list[Any], call: Callable[[], Sequence[T]]
    ) -> Answer[tuple[T, ...]]: ...

    @abstractmethod
    async def _loaded(self, kind: str, parts: list[Any], call: Callable[[], T]) -> Answer[T]: ...

    async def recommend(
        self,
        like: Iterable[Like] | Like = (),
        *,
        dislike: Iterable[Like] | Like = (),
        seen: Iterable[str] | str = (),
        profile: str | Profile | None = None,
        where: Expression | str | None = None,
        allow: Iterable[str] | None = None,
        k: int = PROFILE_K,
        diversity: float = 0.3,
        explain: bool = False,
    ) -> Answer[tuple[Recommendation, ...]]:
        """Recommend titles to someone who likes some; as ``Catalog.recommend``.

        What is learnt, stored or changed meanwhile leads to another answer at once.
        """
        likes, dislikes = _likes(like), _likes(dislike)
        hidden = sorted(set(as_texts("seen", [seen] if isinstance(seen, str) else seen)))
        known = None if profile is None else self.catalog.profile(profile)
        ids = _allowed(allow)
        parts: list[Any] = [
            *("recommended", [query_key(one) for one in likes], [query_key(d) for d in dislikes]),
            *(hidden, None if known is None else msgspec.to_builtins(known), repr(where), ids),
            *(check_int("k", k, 1), check_real("diversity", diversity, 0.0, 1.0)),
            *(check_flag("explain", explain), self.catalog.learnt_version()),
        ]
        call = partial(
            self.catalog.recommend,
            likes,
            dislike=dislikes,
            seen=hidden,
            profile=known,
            where=where,
            allow=ids,
            k=k,
            diversity=diversity,
            explain=explain,
        )
        return await self._several("recommended", parts, call)

    async def browse(
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
    ) -> Answer[BrowseResult]:
        """List titles in an order; as ``Catalog.browse``.

        Filters that mean the same share an answer.
        """
        check_type("genre", genre, (str, type(None)))
        request = SearchRequest.of(
            "",
            k,
            where=where,
            sort=sort,
            facets=facets,
            cursor=cursor,
            explain=explain,
            allow=_allowed(allow),
        )
        key = request.key(self.catalog.filter_text(where))
        parts = ["browse", genre, check_int("offset", offset, 0), *key]
        call = partial(
            self.catalog.browse,
            genre=genre,
            sort=sort,
            where=where,
            allow=request.allow,
            k=k,
            offset=offset,
            cursor=cursor,
            facets=facets,
            explain=explain,
        )
        return await self._loaded("browse", parts, call)

    async def trending(
        self,
        *,
        genre: str | None = None,
        where: Expression | str | None = None,
        allow: Iterable[str] | None = None,
        k: int = 20,
        half_life_days: float = 90.0,
        today: date | None = None,
    ) -> Answer[tuple[Hit, ...]]:
        """List what is popular now; as ``Catalog.trending``."""
        check_type("genre", genre, (str, type(None)))
        check_type("today", today, (date, type(None)))
        day = date.today() if today is None else today  # noqa: DTZ011 - as the catalogue has it
        ids = _allowed(allow)
        half_life = check_real("half_life_days", half_life_days, 0.1, 1e6)
        parts = ["trending", genre, repr(where), ids, check_int("k", k, 1), half_life]
        parts.append(day.isoformat())
        call = partial(
            self.catalog.trending,
            genre=genre,
            where=where,
            allow=ids,
            k=k,
            half_life_days=half_life,
            today=day,
        )
        return await self._several("trending", parts, call)


def _allowed(ids: Iterable[str] | None) -> list[str] | None:
    """Return ids in a canonical order, so that equal sets share an answer."""
    return None if ids is None else sorted(set(as_texts("allow", ids)))


def _likes(given: Iterable[Like] | Like) -> list[str | npt.NDArray[np.float32]]:
    """Return ids as they are, and vectors in their canonical form."""
    single = isinstance(given, str) or (isinstance(given, np.ndarray) and given.ndim == 1)
    some: list[Any] = [given] if single else as_list("like", given)
    return [one if isinstance(one, str) else normalized(one) for one in some]
