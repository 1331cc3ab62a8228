"""The most popular titles of a catalogue, found by a scan of all of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from tv5core.arguments import check_int, check_type
from tv5core.types import Title

__all__ = ["most_popular"]


def most_popular(titles: Iterable[Title], k: int, genre: str | None) -> list[Title]:
    """Return the ``k`` titles of the highest popularity, best first.

    Parameters
    ----------
    titles : iterable of Title
    k : int
        At least 1.
    genre : str or None
        Only titles of this genre; None for all.

    Returns
    -------
    list of Title
        Fewer than ``k`` only where there are fewer. Ties are ordered by id.

    Raises
    ------
    InvalidInputError
    """
    k = check_int("k", k, 1)
    check_type("genre", genre, (str, type(None)))
    matching = (title for title in titles if genre is None or genre in title.genres)
    return heapq.nsmallest(k, matching, key=lambda title: (-title.popularity, title.id))
