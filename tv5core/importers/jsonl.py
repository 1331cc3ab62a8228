"""JSON Lines (or an array) of our own :class:`~tv5core.types.Title`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from tv5core.importers.base import Context, Format, Item, Reject, Row, Source, excerpt
from tv5core.importers.extra import declared_extra
from tv5core.importers.jsonstream import (
    decode_tolerantly,
    peek,
    read_json_array,
    read_json_lines,
)
from tv5core.importers.opening import head_of
from tv5core.sources.values import MAX_TEXT
from tv5core.types import Title

__all__ = ["FORMAT", "item_of", "read_jsonl"]

_DECODER = msgspec.json.Decoder(Title)
_MAX_ID = 256
_SPELLED = re.compile(r"(tmdb:movie|tmdb:tv|imdb|justwatch):([a-z]{0,2}\d{1,12})")
_BOUNDS = {"year": (1, 9_999), "runtime": (0, 10**6), "seasons": (0, 10**5), "rating": (0, 10)}
_COUNTS = ("votes", "updated_at", "popularity")


def read_jsonl(source: Source, context: Context) -> Iterator[Item]:
    """Read titles; unknown fields are ignored, wrong types are rejects."""
    context.read_dates_of(lambda again: _dates(source, again))
    for found in _raw_titles(source, context):
        yield found if isinstance(found, Reject) else item_of(*found, context)


def _raw_titles(source: Source, context: Context) -> Iterator[tuple[int, bytes] | Reject]:
    """Yield the JSON text of each title with its line, be they in an array or one a line."""
    shape, _ = peek(head_of(source, context))
    if shape != "array":
        yield from read_json_lines(source, context)
        return
    for found in read_json_array(source, context):
        if isinstance(found, Reject):
            yield found
        else:
            yield found[0], msgspec.json.encode(found[1])


def _dates(source: Source, context: Context) -> Iterator[object]:
    for found in _raw_titles(source, context):
        if not isinstance(found, Reject):
            with suppress(ValueError):
                value = decode_tolerantly(found[1], context)
                yield value.get("release_date") if isinstance(value, dict) else None


def item_of(line: int, raw: bytes, context: Context) -> Item:
    """Return the title of a JSON text, or why it is none."""
    try:
        title = _decoded(raw, context)
    except msgspec.ValidationError as error:
        return Reject(line, "wrong type", str(error), excerpt(raw))
    except (ValueError, RecursionError) as error:
        return Reject(line, "malformed JSON", str(error), excerpt(raw))
    wrong = _fault(title)
    if wrong:
        return Reject(line, "value out of range", wrong, excerpt(raw))
    return Row(line, _completed(title, context))


def _decoded(raw: bytes, context: Context) -> Title:
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _DECODER.decode(msgspec.json.encode(decode_tolerantly(raw, context)))


def _completed(title: Title, context: Context) -> Title:
    """Return the title with a source, its date's year and the external id that its id spells."""
    ids = dict(title.external_ids)
    found = _SPELLED.fullmatch(title.id)
    if found:
        scheme, value = found.group(1).partition(":")[0], found.group(2)
        if scheme != "tmdb" or (found.group(1) == "tmdb:tv") == (title.kind == "show"):
            ids.setdefault(scheme, value)
    # A title that names no source counts as the user's own.
    source = title.source or "own"
    day, year = context.dates(title.release_date, context)
    return msgspec.structs.replace(
        title, external_ids=ids, source=source, release_date=day, year=title.year or year,
        extra=declared_extra(title.extra, context),
    )  # fmt: skip


def _fault(title: Title) -> str:
    """Return what is wrong with a title whose types are right; empty if nothing is."""
    size = len(title.id.encode("utf-8", "replace"))
    if not 0 < size <= _MAX_ID or not title.id.isprintable():
        return f"id: expected 1 to {_MAX_ID} printable bytes, got {size}"
    if not title.title.strip():
        return "title: expected text, got an empty field"
    if len(title.overview) > MAX_TEXT:
        return f"overview: expected at most {MAX_TEXT} characters, got {len(title.overview)}"
    for name, (low, high) in _BOUNDS.items():
        value = getattr(title, name)
        if value is not None and not low <= value <= high:
            return f"{name}: expected {low} to {high}, got {value}"
    for name in _COUNTS:
        if not 0 <= getattr(title, name) <= 2**53:
            return f"{name}: expected 0 to 2**53, got {getattr(title, name)}"
    return ""


def _matches(_shape: str, sample: Mapping[str, Any]) -> str:
    ours = isinstance(sample.get("id"), str) and sample.get("kind") in ("movie", "show")
    return "objects with id, kind and title" if ours else ""


FORMAT = Format("jsonl", "JSON Lines of tv5core's own titles", read_jsonl, match_json=_matches)
