"""MovieLens' ratings joined with a catalogue's titles, and split by time."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from tv5core import Catalog

__all__ = ["DISLIKED", "LIKED", "Case", "Ratings", "Split", "read_ratings"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

LIKED, DISLIKED = 3.5, 2.0
"""From here on a rating says that a title was liked, and up to here that it was not."""
_TARGET = 4.0
_LEAST_TARGETS = 3


@dataclass(frozen=True)
class Case:
    """One user at one moment.

    Attributes
    ----------
    user : int
    target : int
        The title rated 4 or more next.
    history : int64[m]
        Titles rated before, oldest first.
    ratings : float64[m]
    """

    user: int
    target: int
    history: I64
    ratings: F64

    @property
    def liked(self) -> I64:
        """Titles liked, oldest first."""
        return self.history[self.ratings >= LIKED]

    @property
    def disliked(self) -> I64:
        """Titles not liked."""
        return self.history[self.ratings <= DISLIKED]


@dataclass(frozen=True)
class Split:
    """What is known, and what is asked.

    Attributes
    ----------
    users, titles, ratings : arrays of one length
        What all users rated before the moments of the cases.
    cases : list of Case
    shape : (int, int)
        Users, titles.
    """

    users: I64
    titles: I64
    ratings: F64
    cases: list[Case]
    shape: tuple[int, int]

    def matrix(self) -> csr_matrix:
        """Return float32[users, titles]: 1 for what was liked."""
        liked = self.ratings >= LIKED
        where = self.users[liked], self.titles[liked]
        return csr_matrix((np.ones(liked.sum(), np.float32), where), shape=self.shape)


@dataclass(frozen=True)
class Ratings:
    """Ratings of titles that the catalogue has, by user and time.

    Attributes
    ----------
    ids : list of str
        Of the titles.
    users, titles, ratings : arrays of one length
    missing : int
        Titles of MovieLens that the catalogue does not have.
    """

    ids: list[str]
    users: I64
    titles: I64
    ratings: F64
    missing: int

    def split(self, place: int) -> Split:
        """Leave out, of each user, one liked title and all that was rated from then on.

        Parameters
        ----------
        place : int
            1 leaves out the last title rated 4 or more (the test), 2 the one before it and
            everything after that (the validation). Users with fewer than three such titles are
            not asked, and all their ratings are known.
        """
        known = np.ones(len(self.users), bool)
        cases = []
        starts = np.searchsorted(self.users, np.arange(self.users[-1] + 2))
        for user, (start, stop) in enumerate(pairwise(starts.tolist())):
            targets = start + np.flatnonzero(self.ratings[start:stop] >= _TARGET)
            if len(targets) < _LEAST_TARGETS:
                continue
            at = int(targets[-place])
            known[at:stop] = False
            cases.append(
                Case(user, int(self.titles[at]), self.titles[start:at], self.ratings[start:at])
            )
        shape = int(self.users[-1]) + 1, len(self.ids)
        return Split(self.users[known], self.titles[known], self.ratings[known], cases, shape)


def read_ratings(folder: Path, catalog: Catalog) -> Ratings:
    """Read ``ratings.csv`` and ``links.csv``; keep the titles that a catalogue has."""
    ids: dict[str, str] = {}
    missing = 0
    with (folder / "links.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            found = catalog.find(f"imdb:tt{line['imdbId']}")
            found = found or catalog.find(f"tmdb:movie:{line['tmdbId']}")
            missing += not found
            if found:
                ids[line["movieId"]] = found[0]
    return _joined(folder / "ratings.csv", ids, missing)


def _joined(path: Path, ids: dict[str, str], missing: int) -> Ratings:
    columns = ("userId", "movieId", "rating", "timestamp")
    with path.open(newline="") as file:
        lines = [tuple(line[c] for c in columns) for line in csv.DictReader(file)]
    lines = [line for line in lines if line[1] in ids]
    # Of the same second, in the order of MovieLens' own numbers.
    lines.sort(key=lambda line: (int(line[0]), int(line[3]), int(line[1])))
    titles = list(dict.fromkeys(ids[line[1]] for line in lines))
    place = {name: number for number, name in enumerate(titles)}
    _, users = np.unique([int(line[0]) for line in lines], return_inverse=True)
    return Ratings(
        titles,
        users.astype(np.int64),
        np.asarray([place[ids[line[1]]] for line in lines], np.int64),
        np.asarray([float(line[2]) for line in lines]),
        missing,
    )
