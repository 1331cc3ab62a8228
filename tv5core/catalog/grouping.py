"""Groups of hits: titles of one collection, and records that are nearly the same title."""

from __future__ import annotations

from tv5core.names import normalise_name
from tv5core.types import Title

__all__ = ["Groups"]


class Groups:
    """Tells which titles belong to a group that was met before.

    Parameters
    ----------
    by : {"collection", "title"}
        ``title``: of one name and kind, at most a year apart. ``collection``: these, and films of
        one collection.
    """

    def __init__(self, by: str) -> None:
        self._collections = by == "collection"
        self._leaders: dict[object, int] = {}
        self._count = 0

    def place(self, title: Title) -> int | None:
        """Return the number of the group that a title joins; None where it begins a new one."""
        own = self._keys(title)
        near = (key for key in (*own, *self._neighbours(title)) if key in self._leaders)
        found = next((self._leaders[key] for key in near), None)
        number = self._count if found is None else found
        for key in own:
            self._leaders.setdefault(key, number)
        self._count += found is None
        return found

    def _keys(self, title: Title) -> list[object]:
        keys: list[object] = [(*_name(title), title.year)]
        if self._collections and title.collection is not None:
            keys.append(title.collection.id)
        return keys

    def _neighbours(self, title: Title) -> list[object]:
        """Return the keys of titles of the same name a year apart."""
        if title.year is None:
            return []
        return [(*_name(title), title.year + step) for step in (-1, 1)]


def _name(title: Title) -> tuple[str, str]:
    return normalise_name(title.title) or title.title, title.kind
