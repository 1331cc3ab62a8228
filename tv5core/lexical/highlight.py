"""Highlighting: which words of a title a query matched, in their context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tv5core.analysis.names import chunks, name_chunk, text_chunk
from tv5core.analysis.scripts import UNSPACED, fold_word, segments
from tv5core.lexical.fields import FIELDS, GROUPS, TEXT, field_values
from tv5core.lexical.queries import WordQuery
from tv5core.types import Title

__all__ = ["highlight"]

_CHUNK = re.compile(r"\S+")
_CORE = re.compile(r"\w(?:.*\w)?", re.DOTALL)
_GROUP_OF = {field: number for number, group in enumerate(GROUPS) for field in group.fields}


class _Match(NamedTuple):
    """Characters of a text that are marked, and the terms they matched."""

    start: int
    end: int
    terms: frozenset[str]


def highlight(
    title: Title, query: WordQuery, *, width: int = 160, marks: tuple[str, str] = ("**", "**")
) -> dict[str, str]:
    """Return what a query matched in a title, by field.

    Parameters
    ----------
    title : Title
    query : WordQuery
        As the search had it, so that corrected words and other forms are marked.
    width : int
        Characters of a fragment, marks not counted.
    marks : tuple of str
        What stands before and after a matched word.

    Returns
    -------
    dict of str to str
        For each field of ``FIELDS`` with a match: of its values the one with the most matched
        words, cut to the part with most of them.
    """
    found: dict[str, str] = {}
    for field, values in enumerate(field_values(title)):
        wanted = frozenset(t.term for w in query.words for t in w.groups[_GROUP_OF[field]])
        matched = [(_matches(value, field, wanted), value) for value in values]
        best, value = max(matched, key=lambda pair: _distinct(pair[0]), default=([], ""))
        if best:
            found[FIELDS[field]] = _fragment(value, best, width, marks)
    return found


def _matches(text: str, field: int, wanted: frozenset[str]) -> list[_Match]:
    analyse = text_chunk if field == TEXT else name_chunk
    found: list[_Match] = []
    for chunk in _CHUNK.finditer(text):
        terms = {term for part in chunks(chunk[0]) for _, term in analyse(part).terms} & wanted
        core = _CORE.search(chunk[0])
        if not terms or core is None:
            continue
        start = chunk.start() + core.start()
        if UNSPACED.search(core[0]):
            found += _unspaced(core[0], start, wanted)
        else:
            found.append(_Match(start, chunk.start() + core.end(), frozenset(terms)))
    return found


def _unspaced(word: str, start: int, wanted: frozenset[str]) -> list[_Match]:
    """Mark the characters of matched pairs, where folding leaves every character in its place."""
    folded = fold_word(word.casefold())
    if len(folded) != len(word):
        return [_Match(start, start + len(word), wanted)]
    found: list[_Match] = []
    for position, pair in segments(folded):
        if pair not in wanted:
            continue
        begin, end = start + position, start + position + len(pair)
        if found and found[-1].end >= begin:
            found[-1] = _Match(found[-1].start, end, found[-1].terms | {pair})
        else:
            found.append(_Match(begin, end, frozenset({pair})))
    return found


def _distinct(matches: Sequence[_Match]) -> int:
    return len(frozenset().union(*(match.terms for match in matches)))


def _fragment(text: str, matches: Sequence[_Match], width: int, marks: tuple[str, str]) -> str:
    start, end = _window(text, matches, width)
    parts, at = ["\u2026" if start else ""], start
    for match in matches:
        if start <= match.start and match.end <= end:
            parts += [text[at : match.start], marks[0], text[match.start : match.end], marks[1]]
            at = match.end
    parts += [text[at:end], "\u2026" if end < len(text) else ""]
    return "".join(parts)


def _window(text: str, matches: Sequence[_Match], width: int) -> tuple[int, int]:
    """Return the part of a text, between spaces, with the most matched words."""
    if len(text) <= width:
        return 0, len(text)

    def inside(first: _Match) -> list[_Match]:
        return [m for m in matches if first.start <= m.start and m.end <= first.start + width]

    best = max(matches, key=lambda match: (_distinct(inside(match)), -match.start))
    last = max([m.end for m in inside(best)], default=best.end)
    start = max(0, min(best.start - (width - (last - best.start)) // 2, len(text) - width))
    if start:
        start = min(text.find(" ", start, best.start) + 1 or best.start, best.start)
    end = min(len(text), start + width)
    if end < len(text):
        end = max(text.rfind(" ", last, end), last)
    return start, end
