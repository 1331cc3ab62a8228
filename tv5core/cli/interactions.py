"""Interactions of users with titles, read from CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from tv5core.errors import InvalidInputError

__all__ = ["read_interactions"]

_USERS = ("user", "userid", "user_id")
_TITLES = ("title", "id", "titleid", "title_id", "movieid", "movie_id", "imdbid", "tmdbid")
_WEIGHTS = ("weight", "rating", "plays", "count")


def read_interactions(
    path: Path, links: Path | None, least: float
) -> Iterator[tuple[str, str, float]]:
    """Yield (user, title's id, weight) of a CSV file with a header.

    Parameters
    ----------
    path : Path
        With a column for users (``user``, ``userId``), one for titles (``id``, ``title``,
        ``movieId``) and perhaps one for weights (``weight``, ``rating``); 1 without.
    links : Path or None
        MovieLens' ``links.csv``, where titles are its numbers.
    least : float
        Lines of a lower weight are left out.

    Raises
    ------
    InvalidInputError
        A column is missing, or a weight is no number.
    """
    names = None if links is None else _linked(links)
    with _opened(path) as file:
        reader = csv.DictReader(file)
        user, title, weight = _columns(reader.fieldnames or (), path)
        for line in reader:
            value = 1.0 if weight is None else _number(line[weight], path, reader.line_num)
            if not value < least:
                given = line[title] or ""
                yield line[user] or "", given if names is None else names.get(given, ""), value


def _opened(path: Path) -> TextIO:
    return path.open(newline="", encoding="utf-8-sig", errors="replace")


def _columns(header: Sequence[str], path: Path) -> tuple[str, str, str | None]:
    by_name = {name.strip().lower(): name for name in header}

    def first(some: tuple[str, ...]) -> str | None:
        return next((by_name[name] for name in some if name in by_name), None)

    user, title = first(_USERS), first(_TITLES)
    if user is None or title is None:
        raise InvalidInputError(
            f"{path}: expected columns for users ({', '.join(_USERS)}) and titles "
            f"({', '.join(_TITLES)}), got {', '.join(by_name) or 'no header'}"
        )
    return user, title, first(_WEIGHTS)


def _number(text: str | None, path: Path, line: int) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise InvalidInputError(f"{path}, line {line}: expected a weight, got {text!r}") from None


def _linked(path: Path) -> Mapping[str, str]:
    """Return ids elsewhere by MovieLens' numbers."""
    found = {}
    with _opened(path) as file:
        for line in csv.DictReader(file):
            number, imdb = line.get("movieId"), line.get("imdbId")
            if not number or not imdb:
                raise InvalidInputError(f"{path}: expected columns movieId and imdbId")
            found[number] = f"imdb:tt{imdb}"
    return found
