"""Who consumed what: validated, counted, and as a sparse matrix."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Interactions", "read_interactions"]

I64 = npt.NDArray[np.int64]


class Interactions:
    """Interactions of users with titles that a catalogue has.

    Attributes
    ----------
    ids : list of str
        The titles, in the order of their first interaction.
    users : int
    unknown : int
        Interactions with titles that the catalogue does not have.
    """

    def __init__(self, resolve: Callable[[str], str | None]) -> None:
        self._resolve = resolve
        self._titles: dict[str, int] = {}  # by the id as it was given; -1 for unknown ones
        self._codes: dict[str, int] = {}
        self._known_users: dict[Any, int] = {}
        self._user, self._title, self._weight = array("q"), array("q"), array("d")
        self.unknown = 0

    @property
    def ids(self) -> list[str]:
        """Ids of the titles, as the catalogue has them."""
        return list(self._codes)

    @property
    def users(self) -> int:
        """Number of users who consumed a known title."""
        return len(self._known_users)

    def add(self, user: Any, id: str, weight: float) -> None:
        """Add one interaction."""
        title = self._titles.get(id)
        if title is None:
            title = self._titles[id] = self._code(id)
        if title < 0:
            self.unknown += 1
            return
        self._user.append(self._known_users.setdefault(user, len(self._known_users)))
        self._title.append(title)
        self._weight.append(weight)

    def _code(self, id: str) -> int:
        own = self._resolve(id)
        return -1 if own is None else self._codes.setdefault(own, len(self._codes))

    def matrix(self) -> csr_matrix:
        """Return float32[users, titles]: the square root of each pair's weight, 1 for a mean one.

        Weights of the same pair are added. A title played ten times by a user says more than one
        played once, but not ten times as much; and in which unit weights are does not matter.
        """
        from scipy.sparse import csr_matrix  # slow to import

        where = np.frombuffer(self._user, np.int64), np.frombuffer(self._title, np.int64)
        weights = np.frombuffer(self._weight, np.float64)
        summed = csr_matrix((weights, where), shape=(self.users, len(self._codes)))
        summed.sum_duplicates()
        summed.data /= summed.data.mean()
        return summed.sqrt().astype(np.float32)


def _iterated(given: object) -> Iterator[object]:
    """Iterate over interactions without making a list of them, for there may be many."""
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, dict)):
        with suppress(TypeError):  # an array without dimensions
            return iter(given)
    raise InvalidInputError(f"expected interactions (user, title id, weight), got {shown(given)}")


def read_interactions(given: object, resolve: Callable[[str], str | None]) -> Interactions:
    """Read (user, title id, weight), checking each.

    Parameters
    ----------
    given : iterable of (str or int, str, float)
        Weights above 0.
    resolve : callable
        From an id to the id that the catalogue has it under, or None.

    Raises
    ------
    InvalidInputError
        Not such an iterable; one of a wrong type, or a weight that is not a finite number above 0;
        or the catalogue has none of the titles.
    """
    found = Interactions(resolve)
    for place, item in enumerate(_iterated(given)):
        found.add(*_checked(item, place))
    if not found.ids:
        raise InvalidInputError(
            f"expected interactions with titles of the catalogue, got {found.unknown:,} with others"
        )
    return found


def _checked(item: object, place: int) -> tuple[str | int, str, float]:
    if not isinstance(item, (tuple, list)) or len(item) != 3:
        raise InvalidInputError(f"expected (user, title id, weight) at {place}, got {shown(item)}")
    user, name, weight = item
    if not isinstance(user, (str, int, np.integer)) or isinstance(user, bool):
        raise InvalidInputError(f"expected a user's name or number at {place}, got {shown(user)}")
    if not isinstance(name, str):
        raise InvalidInputError(f"expected a title's id at {place}, got {shown(name)}")
    real = isinstance(weight, (int, float, np.integer, np.floating)) and not isinstance(
        weight, bool
    )
    if not real or not 0 < weight < math.inf:
        raise InvalidInputError(f"expected a weight above 0 at {place}, got {shown(weight)}")
    return user if isinstance(user, str) else int(user), name, float(weight)
