"""Expands the paths a user names into the files to read, ordered for merging."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from tv5core.arguments import shown
from tv5core.errors import ImportFormatError, InvalidInputError, UnknownColumnsError
from tv5core.importers.base import Options, Source, UnreadableFileError
from tv5core.importers.detect import DATA_SUFFIXES, Detected, detect
from tv5core.importers.formats import FORMATS
from tv5core.importers.opening import content_name, members
from tv5core.importers.tables import container_of

__all__ = ["Plan", "Skipped", "expand"]

_ORDER = {name: place for place, name in enumerate(FORMATS)}
_TITLES, _CREDITS = "_titles", "_credits"
_PARTNER_SUFFIXES = ("csv", "tsv", "csv.gz", "tsv.gz", "parquet", "xlsx")


class Skipped(msgspec.Struct, frozen=True):
    """A file in a named folder that holds no titles, and why.

    ``columns`` are those of a table that a mapping could read.
    """

    path: Path
    reason: str
    columns: list[str] = []


class Plan(msgspec.Struct, frozen=True):
    """The files to read, those skipped, and those that cannot be read though they hold data."""

    sources: list[Source]
    skipped: list[Skipped]
    unreadable: list[Skipped]


def expand(
    paths: Iterable[Path],
    *,
    format: str | None = None,
    mapped: bool = False,
    options: Options | None = None,
) -> Plan:
    """Find the files to import.

    A folder stands for all files in it, and so does a ZIP archive. Files are sorted by format,
    those rich in ids first, so that later ones find what to merge with; a credits file is read
    along with its titles file.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    format : str or None
        Read every file as this format instead of detecting it.
    mapped : bool
        Whether the user gave a mapping of columns.
    options : Options or None
        Says which encoding files are in.

    Raises
    ------
    InvalidInputError
        ``format`` is none of ``FORMATS``.
    """
    if format is not None and not (isinstance(format, str) and format in FORMATS):
        raise InvalidInputError(
            f"expected a format among {', '.join(FORMATS)}; got {shown(format)}"
        )
    plan = Plan([], [], [])
    search = _Search(plan, format, mapped, options or Options())
    seen: set[Path] = set()
    for path, named in _files(paths, plan):
        real = path.resolve()
        if real in seen:
            plan.skipped.append(Skipped(path, "named twice"))
            continue
        seen.add(real)
        search.add(path, named)
    sources = sorted(_with_partners(plan), key=lambda source: _ORDER[source.format])
    return Plan(sources, plan.skipped, plan.unreadable)


def _files(paths: Iterable[Path], plan: Plan) -> Iterator[tuple[Path, bool]]:
    """Files with whether the user named the very file."""
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - False of a name that is too long
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


class _Search:
    """Sorts files into those to read, those to skip, and those named that cannot be read."""

    def __init__(self, plan: Plan, given: str | None, mapped: bool, options: Options) -> None:
        self._plan, self._given, self._mapped, self._options = plan, given, mapped, options

    def add(self, path: Path, named: bool) -> None:
        """Add a file, or what is in it where it is an archive."""
        try:
            inside = members(path) if _is_archive(path) else None
        except ImportFormatError as error:
            data = content_name(path).suffix.casefold() in {*DATA_SUFFIXES, ".zip"}
            self._refuse(Skipped(path, str(error)), named or data)
            return
        except OSError as error:
            self._plan.unreadable.append(_unreadable(path, error))
            return
        for member in [""] if inside is None else inside:
            self._add(path, member, named and (inside is None or len(inside) == 1))
        if inside == []:
            self._refuse(Skipped(path, "expected files in it, got an empty archive"), named)

    def _add(self, path: Path, member: str, named: bool) -> None:
        label = path / member
        try:
            found = self._detected(path, member)
        except UnknownColumnsError as error:
            self._refuse(Skipped(label, str(error), error.columns), named)
        except ImportFormatError as error:
            lost = named or isinstance(error, UnreadableFileError)
            self._refuse(Skipped(label, str(error)), lost)
        except OSError as error:
            self._plan.unreadable.append(_unreadable(label, error))
        else:
            self._plan.sources.append(Source(path, found.format, found.why, member=member))

    def _refuse(self, found: Skipped, named: bool) -> None:
        (self._plan.unreadable if named else self._plan.skipped).append(found)

    def _detected(self, path: Path, member: str) -> Detected:
        """Return the format the user gave, but for credits beside the titles they belong to."""
        if not self._given:
            return detect(path, mapped=self._mapped, member=member, options=self._options)
        if not path.is_file():
            raise ImportFormatError("expected a regular file, got none of that name")
        if self._given == "justwatch" and content_name(path, member).stem.endswith(_CREDITS):
            return Detected("justwatch-credits", "its name")
        return Detected(self._given, "as given")


def _unreadable(path: Path, error: OSError) -> Skipped:
    return Skipped(path, f"cannot be read: {error.strerror or error}")


def _is_archive(path: Path) -> bool:
    return path.is_file() and container_of(Source(path, "")) == "zip"


def _with_partners(plan: Plan) -> Iterator[Source]:
    """Titles files with their credits; credits without titles go to the skipped."""
    beside = {s.label: s for s in plan.sources if s.format == "justwatch-credits"}
    partners: set[Path] = set()
    for source in plan.sources:
        if source.format == "justwatch":
            partner = _partner(source, beside)
            if partner is not None:
                partners.add(partner.label.resolve())
            yield msgspec.structs.replace(source, partner=partner)
    for source in plan.sources:
        if source.format == "justwatch-credits":
            if source.label.resolve() not in partners:
                plan.skipped.append(Skipped(source.label, "credits without their titles file"))
        elif source.format != "justwatch":
            yield source


def _partner(source: Source, found: Mapping[Path, Source]) -> Source | None:
    """``X_credits.csv`` beside ``X_titles.csv``: the only file that is read without being named."""
    head, mark, tail = source.label.name.rpartition(_TITLES)
    if not mark or tail.strip(".").casefold() not in _PARTNER_SUFFIXES:
        return None
    label = source.label.with_name(head + _CREDITS + tail)
    if label in found or source.member:
        return found.get(label)
    return Source(label, "justwatch-credits") if label.is_file() else None
