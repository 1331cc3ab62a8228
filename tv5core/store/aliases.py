"""Other names a title is found by.

An alias is a short string that leads to the ids of the titles that carry it:

``imdb:tt1375666``, ``justwatch:tm92641``, ``wikipedia:Inception``
    an id elsewhere; one work has at most one of each scheme.
``tmdb:movie:27205``, ``tmdb:tv:1399``
    the same, with the kind in it because TMDB counts films and series apart.
``name:movie:2010:inception``
    normalised title, kind and year; several works may share one.
``name:show::blood-and-water``
    series once more without the year: catalogues date a series by its first
    season or by its latest, so the year alone would keep them apart.
"""

from __future__ import annotations

import hashlib

from tv5core.names import normalise_name
from tv5core.types import Title

__all__ = [
    "aliases",
    "external_alias",
    "external_aliases",
    "name_alias",
    "name_aliases",
]

# LMDB keys end at 511 bytes; an alias stays far below so that a row number fits behind it.
MAX_ALIAS_BYTES = 256
_MAX_NAME_BYTES = 180


def name_alias(title: str, year: int | None, kind: str) -> str:
    """Alias of a title by its name; empty when nothing of the name remains.

    Parameters
    ----------
    title : str
        The title as a catalogue writes it.
    year : int or None
        None gives the form without a year.
    kind : {"movie", "show"}
        Films and series are kept apart.

    Returns
    -------
    str
        Such as ``name:movie:2010:inception``, at most 256 bytes of UTF-8.
    """
    name = normalise_name(title).replace(" ", "-")
    if not name:
        return ""
    raw = name.encode("utf-8", "replace")
    if len(raw) > _MAX_NAME_BYTES:
        # A digest keeps two long titles with a common beginning apart.
        digest = hashlib.blake2b(raw, digest_size=8).hexdigest()
        name = f"{raw[: _MAX_NAME_BYTES - 20].decode('utf-8', 'ignore')}-{digest}"
    return f"name:{kind}:{'' if year is None else year}:{name}"


def name_aliases(title: Title) -> tuple[str, ...]:
    """Aliases of a title by name: with its year, and for a series also without.

    A title without a year has none: a name alone identifies too little.
    """
    if title.year is None:
        return ()
    years = (title.year, None) if title.kind == "show" else (title.year,)
    found = (name_alias(title.title, year, title.kind) for year in years)
    return tuple(alias for alias in found if alias)


def external_alias(scheme: str, value: str, kind: str) -> str:
    """Alias of one external id; empty when either part is empty or too long.

    Parameters
    ----------
    scheme : str
        Key of ``Title.external_ids``, such as ``imdb``.
    value : str
        The id there, such as ``tt1375666``.
    kind : {"movie", "show"}
        Only TMDB's alias depends on it.
    """
    if not scheme or not value:
        return ""
    if scheme == "tmdb":
        scheme = "tmdb:movie" if kind == "movie" else "tmdb:tv"
    alias = f"{scheme}:{value}"
    return alias if len(alias.encode("utf-8", "replace")) <= MAX_ALIAS_BYTES else ""


def external_aliases(title: Title) -> tuple[str, ...]:
    """Aliases of a title by its ids elsewhere, TMDB's first, the rest by scheme."""
    ids = title.external_ids
    if not ids:
        return ()
    schemes = sorted(ids, key=lambda scheme: (scheme != "tmdb", scheme))
    found = (external_alias(scheme, ids[scheme], title.kind) for scheme in schemes)
    return tuple(alias for alias in found if alias)


def aliases(title: Title) -> tuple[str, ...]:
    """Every alias of a title: the external ones, then those by name.

    Parameters
    ----------
    title : Title
        The title; its own id is not among its aliases unless an external id
        spells the same.

    Returns
    -------
    tuple of str
        Without repeats, each at most 256 bytes of UTF-8.
    """
    return tuple(dict.fromkeys(external_aliases(title) + name_aliases(title)))
