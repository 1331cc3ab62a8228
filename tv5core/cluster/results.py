"""What a search over shards answers besides what a catalogue does, and tokens of writes."""

from __future__ import annotations

import re

import msgspec

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.results import SearchResult

__all__ = ["ShardedResult", "Shards", "Token"]


class Shards(msgspec.Struct, frozen=True):
    """How many shards an answer is of.

    Attributes
    ----------
    answered, total : int
    """

    answered: int
    total: int

    def __str__(self) -> str:
        return f"{self.answered}/{self.total}"

    @property
    def all(self) -> bool:
        """Whether none is missing."""
        return self.answered == self.total


class ShardedResult(SearchResult, frozen=True, eq=False):
    """The answer of a search over shards: a ``SearchResult``, and of how many shards it is.

    Attributes
    ----------
    shards : Shards
        Where some did not answer, titles of theirs are missing, and not counted.
    """

    shards: Shards = Shards(0, 0)

    __hash__ = None


class Token(msgspec.Struct, frozen=True):
    """A committed write; a search can wait for it.

    Attributes
    ----------
    seq : int
        The last change of the truth that the write made.
    """

    seq: int

    def __str__(self) -> str:
        return f"w{self.seq}"

    @classmethod
    def parse(cls, given: object) -> Token:
        """Read a token, or its text.

        Raises
        ------
        InvalidInputError
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, str) and re.fullmatch(r"w\d{1,18}", given):
            return cls(int(given[1:]))
        raise InvalidInputError(f"expected the token of a write, got {shown(given)}")
