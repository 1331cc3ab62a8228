"""Counts the values that decoding leaves out, for reports.

Decoding is called in many places, far from the caller who wants the counts; so they travel in a
context variable instead of through every signature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["note_omissions", "record_omissions"]

_recorder: ContextVar[Counter[str] | None] = ContextVar("omissions", default=None)


@contextmanager
def record_omissions() -> Iterator[Counter[str]]:
    """Count what the calls in the block leave out of responses.

    ::

        with record_omissions() as omitted:
            page = await tmdb.search_movie("dock")
        omitted["results[]"]  # entries without a title, for example

    Yields
    ------
    Counter of str
        Values and entries left out, by their place in the document; ``[]`` stands for an entry of
        a list or an object. An outer block counts them too.
    """
    outer, omitted = _recorder.get(), Counter[str]()
    token = _recorder.set(omitted)
    try:
        yield omitted
    finally:
        _recorder.reset(token)
        if outer is not None:
            outer.update(omitted)


def note_omissions(places: Iterable[str]) -> None:
    """Count values that were left out, by their places."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.update(places)
