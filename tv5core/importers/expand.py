"""From the paths a user names to the files to read, in a good order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tv5core.errors import ImportFormatError, InvalidInputError
from tv5core.importers.base import Source
from tv5core.importers.detect import Detected, detect
from tv5core.importers.formats import FORMATS

__all__ = ["Plan", "Skipped", "expand"]

_ORDER = {name: place for place, name in enumerate(FORMATS)}
_TITLES, _CREDITS = "_titles", "_credits"


class Skipped(msgspec.Struct, frozen=True):
    """A file in a named folder that holds no titles, and why."""

    path: Path
    reason: str


class Plan(msgspec.Struct, frozen=True):
    """What to read, what was passed over, and what was named but cannot be read."""

    sources: list[Source]
    skipped: list[Skipped]
    unreadable: list[Skipped]


def expand(paths: Iterable[Path], *, format: str | None = None, mapped: bool = False) -> Plan:
    """Find the files to import.

    A folder stands for all files in it. Files are sorted by format, those rich
    in ids first, so that later ones find what to merge with; a credits file is
    read along with its titles file.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    format : str or None
        Read every file as this format instead of detecting it.
    mapped : bool
        Whether the user gave a mapping of columns.

    Raises
    ------
    InvalidInputError
        ``format`` is none of ``FORMATS``.
    """
    if format is not None and format not in FORMATS:
        raise InvalidInputError(f"expected a format among {', '.join(FORMATS)}; got {format!r}")
    plan = Plan([], [], [])
    seen: set[Path] = set()
    for path, named in _files(paths, plan):
        real = path.resolve()
        if real in seen:
            plan.skipped.append(Skipped(path, "named twice"))
            continue
        seen.add(real)
        _add(plan, path, named, format, mapped)
    sources = sorted(_with_partners(plan), key=lambda source: _ORDER[source.format])
    return Plan(sources, plan.skipped, plan.unreadable)


def _files(paths: Iterable[Path], plan: Plan) -> Iterator[tuple[Path, bool]]:
    """Files with whether the user named the very file."""
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        try:
            inside = sorted(path.rglob("*"), key=lambda p: (str(p).casefold(), str(p)))
        except OSError as error:
            plan.unreadable.append(Skipped(path, f"cannot list the folder: {error.strerror}"))
            continue
        for found in inside:
            if found.name.startswith(".") or not found.is_file():
                if not found.is_dir():
                    plan.skipped.append(Skipped(found, "hidden or not a regular file"))
                continue
            yield found, False


def _add(plan: Plan, path: Path, named: bool, given: str | None, mapped: bool) -> None:
    try:
        found = _as(given, path) if given else detect(path, mapped=mapped)
    except ImportFormatError as error:
        (plan.unreadable if named else plan.skipped).append(Skipped(path, str(error)))
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        plan.unreadable.append(Skipped(path, reason))
    else:
        plan.sources.append(Source(path, found.format, found.why))


def _as(given: str, path: Path) -> Detected:
    """Return the format the user gave, except for credits beside the titles they belong to."""
    if not path.is_file():
        raise ImportFormatError("expected a regular file, got none of that name")
    if given == "justwatch" and path.stem.endswith(_CREDITS):
        return Detected("justwatch-credits", "its name")
    return Detected(given, "as given")


def _with_partners(plan: Plan) -> Iterator[Source]:
    """Titles files with their credits; credits without titles go to the skipped."""
    taken: set[Path] = set()
    for source in plan.sources:
        if source.format == "justwatch":
            partner = _partner(source.path)
            if partner is not None:
                taken.add(partner.resolve())
            yield Source(source.path, source.format, source.why, partner)
    for source in plan.sources:
        if source.format == "justwatch-credits":
            if source.path.resolve() not in taken:
                plan.skipped.append(Skipped(source.path, "credits without their titles file"))
        elif source.format != "justwatch":
            yield source


def _partner(path: Path) -> Path | None:
    """``X_credits.csv`` beside ``X_titles.csv``: the only file that is read without being named."""
    if not path.stem.endswith(_TITLES):
        return None
    partner = path.with_name(path.stem.removesuffix(_TITLES) + _CREDITS + path.suffix)
    return partner if partner.is_file() else None
