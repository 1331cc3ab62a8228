"""From what someone typed to words, phrases, words to leave out, and clauses of filters.

``heist "new york" -remake year:1990..1999`` is the word ``heist``, the phrase ``new york``, not
``remake``, and the clause ``year:1990..1999``. A clause begins with the name of a field and a
colon, without a space between; everything else is words, so ``Mission: Impossible`` is a title. A
minus counts only before a word or a phrase, so ``Spider-Man`` is one word, and a lone quotation
mark is punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tv5core.arguments import check_text
from tv5core.errors import InvalidInputError

__all__ = ["MAX_CHARACTERS", "ParsedQuery", "check_query", "parse"]

MAX_CHARACTERS = 20_000
"""Longer texts are refused: the longest synopsis of 66,120 titles has 2,100."""

_PIECE = re.compile(
    r"""(?P<field>-?(?P<name>[A-Za-z_][\w.]*)):(?P<value>(?:"[^"]*"|\((?:"[^"]*"|[^()"])*\)|[^\s"()])+)
    | (?P<minus>-(?=["\w]))?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+|"))""",
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"'})


@dataclass(frozen=True)
class ParsedQuery:
    """What a text asks for.

    Attributes
    ----------
    text : str
        Words to search for, those of phrases too, without what is left out and without clauses.
    phrases : tuple of str
        Each must occur as it is written.
    excluded : tuple of str
        Words and phrases that must not occur.
    clauses : tuple of (int, str)
        Filters in the grammar of ``where=``, each with its place in the text.
    """

    text: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    clauses: tuple[tuple[int, str], ...] = ()


def parse(text: str, fields: Collection[str]) -> ParsedQuery:
    """Take a text apart.

    Parameters
    ----------
    text : str
    fields : collection of str
        Names that begin a clause.

    Raises
    ------
    InvalidInputError
        Text that UTF-8 cannot encode, or more than ``MAX_CHARACTERS`` of it.

    Examples
    --------
    >>> parse('heist "new york" -remake year:1990..1999', {"year"})
    ParsedQuery(text='heist new york', phrases=('new york',), excluded=('remake',), \
clauses=((25, 'year:1990..1999'),))
    """
    check_query(text)
    plain = _CONTROL.sub(" ", text).translate(_QUOTES)
    words: list[str] = []
    found = _Found([], [], [])
    for piece in _PIECE.finditer(plain):
        words.extend(found.take(piece, fields))
    return ParsedQuery(
        " ".join(words), tuple(found.phrases), tuple(found.excluded), tuple(found.clauses)
    )


@dataclass
class _Found:
    phrases: list[str]
    excluded: list[str]
    clauses: list[tuple[int, str]]

    def take(self, piece: re.Match[str], fields: Collection[str]) -> list[str]:
        """Note one piece; return the words of it to search for."""
        if piece["field"]:
            if piece["name"].lower() in fields:
                self.clauses.append((piece.start(), piece[0]))
                return []
            return [piece[0]]
        text = " ".join((piece["phrase"] or "").split()) or piece["word"] or ""
        if not any(map(str.isalnum, text)) and piece["phrase"] is not None:
            return []
        if piece["minus"] and not text.endswith("-"):
            self.excluded.append(text)
            return []
        if piece["phrase"]:
            self.phrases.append(text)
        return [(piece["minus"] or "") + text]


def check_query(text: str) -> None:
    """Raise InvalidInputError for a text that is no query: too long, or not to be encoded."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidInputError(
            f"expected a text of at most {MAX_CHARACTERS:,} characters, got {len(text):,}"
        )
    check_text("the text", text)
