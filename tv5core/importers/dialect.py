"""How a CSV file is written: its delimiter, and whether quotation marks are quotation marks."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

__all__ = ["Dialect", "dialect_of"]

_DELIMITERS = ",;\t|"
_DECLARED = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_WHOLE_FIELD = re.compile(r'"(?:[^"]|"")*"\s*')
# First columns of the files IMDb publishes: tab-separated, and never quoted.
_IMDB = ("tconst", "nconst", "titleid")


class Dialect(msgspec.Struct, frozen=True):
    """How a CSV file is written.

    Attributes
    ----------
    delimiter : str
        One of ``,``, ``;``, tab and ``|``, or what the first line declares.
    quoted : bool
        Whether a quotation mark at the start of a field opens a quotation; else it is text.
    declared : bool
        Whether the first line is Excel's ``sep=;``, not the header.
    """

    delimiter: str = ","
    quoted: bool = True
    declared: bool = False


def dialect_of(lines: Sequence[bytes]) -> Dialect:
    """Judge a file by its first lines, blank ones left out."""
    shown = [line.decode("utf-8", "replace").rstrip("\r\n") for line in lines]
    found = _DECLARED.fullmatch(shown[0]) if shown else None
    if found:
        rest = [line for line in shown[1:] if line.strip()]
        return Dialect(found.group(1), _are_quoted(rest, found.group(1)), declared=True)
    delimiter = _delimiter(shown[0]) if shown else ","
    return Dialect(delimiter, _are_quoted(shown, delimiter))


def _delimiter(header: str) -> str:
    """Return the most frequent delimiter outside quotation marks."""
    return max(_DELIMITERS, key=_QUOTED.sub("", header).count)


def _are_quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Return whether quotation marks enclose fields; in tab-separated files they may not.

    Many tab-separated files quote nothing. A file counts as one of them if every line has as many
    tabs as the header, and some field begins with a mark that is never closed.
    """
    if delimiter != "\t" or not lines:
        return True
    rows = [line.split("\t") for line in lines]
    if rows[0][0].strip().casefold() in _IMDB:
        return False
    if len({len(row) for row in rows}) > 1:
        return True
    begun = [field for row in rows for field in row if field.startswith('"')]
    return all(_WHOLE_FIELD.fullmatch(field) for field in begun)
