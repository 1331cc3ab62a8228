"""A plan of what to load before a demonstration, as TOML."""

from __future__ import annotations

import os
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tv5core.errors import InvalidInputError

__all__ = ["Phase", "Plan", "TitleList", "load_plan"]

_Count = Annotated[int, Meta(ge=1, le=10_000)]
_K = Annotated[int, Meta(ge=1, le=100)]


class TitleList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Titles to load, with where to watch them.

    Attributes
    ----------
    name : str
        For the report.
    where, sort : str
        A filter and an order of ``/v1/browse``, or of the search.
    otherwise : str
        The filter instead where nothing is found, such as in a catalogue without titles of this
        year.
    query : str or None
        Titles that a search finds, instead of a list.
    list : {"browse", "trending"}
    count : int
    """

    name: str
    where: str = ""
    otherwise: str = ""
    sort: Literal["popularity", "rating", "votes", "date", "title"] = "popularity"
    query: str | None = None
    list: Literal["browse", "trending"] = "browse"
    count: _Count = 20


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to load at one time.

    Attributes
    ----------
    name : str
    hours_before : float
        When it is due, before the demonstration.
    titles : tuple of TitleList
    queries, profiles : tuple of str
        Searches, and profiles to recommend for.
    results : int
        Of each search and profile.
    """

    name: str
    hours_before: Annotated[float, Meta(ge=0, le=8_760)] = 0.0
    titles: tuple[TitleList, ...] = ()
    queries: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    results: _K = 20


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan.

    Attributes
    ----------
    rate : float
        Requests a second, at most.
    region : str
        Country of offers.
    phases : tuple of Phase
    """

    phases: Annotated[tuple[Phase, ...], Meta(min_length=1)]
    rate: Annotated[float, Meta(gt=0, le=1_000)] = 9.0
    region: Annotated[str, Meta(pattern="^[A-Z]{2}$")] = "US"


def load_plan(name: str | os.PathLike[str], *, today: date) -> Plan:
    """Return a plan.

    Parameters
    ----------
    name : path-like
        A file of TOML, or ``demo`` for the plan that ships.
    today : date
        What ``{year}`` and ``{last_year}`` in filters mean.

    Raises
    ------
    InvalidInputError
        No such file, or it is no plan.
    """
    shipped = files("tv5core.server.readiness") / "demo.toml"
    try:
        text = shipped.read_text() if name == "demo" else Path(name).read_text("utf-8")
        text = text.replace("{year}", str(today.year))
        return msgspec.toml.decode(text.replace("{last_year}", str(today.year - 1)), type=Plan)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidInputError(f"expected a plan in {os.fspath(name)}, got {error}") from error
