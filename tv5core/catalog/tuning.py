"""Queries like those of its users, made of a catalogue's own text, to calibrate a new graph on.

Free text is much harder to search for than a title's own vector: settings that reach a recall of
0.95 on held-out titles reach 0.75 to 0.80 on it. So a catalogue that embeds its own text does not
serve with settings for the average dataset, but with those its own text asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tv5core.types import Title

__all__ = ["SAMPLE", "spread", "text_queries"]

SAMPLE = 250
"""Titles to make queries of: recall is then known to about one in a hundred."""

_WORDS = 8


def spread(ids: Sequence[str], count: int) -> list[str]:
    """Pick ``count`` ids evenly."""
    step = max(1, len(ids) // count)
    return list(ids[::step][:count])


def text_queries(titles: Iterable[Title | None]) -> list[str]:
    """Make one short query of each title: its tagline, or a few words amid its overview."""
    return [text for title in titles if title is not None and (text := _query(title))]


def _query(title: Title) -> str:
    if title.tagline:
        return title.tagline
    words = title.overview.split()
    start = max(0, len(words) // 2 - _WORDS // 2)
    return " ".join(words[start : start + _WORDS])
