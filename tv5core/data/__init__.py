"""The titles that ship with tv5core: about 300 well-known films and series.

Facts (ids, dates, people) are public; the synopses were written for this package. They are the
catalogue of ``tv5 demo``, and a last fallback for services that cannot reach another source.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from tv5core.types import Title

__all__ = ["demo_titles"]


@cache
def demo_titles() -> tuple[Title, ...]:
    """Return the shipped titles, in the order of the file."""
    text = files("tv5core.data").joinpath("titles.jsonl").read_bytes()
    return tuple(msgspec.json.Decoder(Title).decode_lines(text))
