"""What a text says about titles: services, genres, eras, places, running time, kinds and people.

"amazon thrillers from the 80s" describes titles, "American Gangster" names one, and both hold words
that could be filters. So words become filters only where the text shows that it describes some: it
has a plural of a genre or kind (``thrillers``, ``movies``), a phrase that can mean nothing else
(``on hulu``, ``under two hours``), or nothing else at all (``french comedy``). A text that is the
name of a title is left alone, see :mod:`tv5core.query.execution`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tv5core.query.phrases import Numbers, Phrase, era, runtime
from tv5core.query.vocabulary import Entry, Vocabulary, Wanted, normal
from tv5core.sources.places import country, language

__all__ = ["Found", "Understood", "understand"]

Condition = Wanted | Numbers
"""One of some pairs of field and value, or a range of numbers."""

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019\u02bc][^\W_]+)*'?|\+")
_MAX_WORDS = 40
"""Longer texts tell a plot; nobody writes so many words of filters."""
_MAX_NAME = 4
_MIN_NAME = 2
_FILLERS = frozenset(
    """
    a an the some any all of in from on for with by and to that which are is was were me us
    best good great top greatest popular famous classic find show watch i want please
    about what where who something anything
    """.split()
)
_NAMED_BY = {"with", "by", "starring", "featuring", "directed"}
_SHORT_COUNTRIES = {"us": "US", "uk": "GB", "usa": "US"}


class Token(NamedTuple):
    """A word in its normal form, and where it stands in the text."""

    word: str
    start: int
    end: int


@dataclass(frozen=True)
class Found:
    """Words that can be read as conditions.

    Attributes
    ----------
    start, end : int
        First word, and the one after the last.
    words : str
        As in the text.
    kind : str
        As ``Reading.kind``.
    conditions : tuple of Condition
        A title must meet all.
    describes : bool
        Whether it shows that the text describes titles.
    needs_company : bool
        Whether it counts as a filter only beside other readings, as genres do: a "world war two
        movie" is no movie of the genre "war".
    ambiguous : bool
        Whether it means nothing without company.
    alone : bool
        Whether it has none, though it needs some.
    """

    start: int
    end: int
    words: str
    kind: str
    conditions: tuple[Condition, ...]
    describes: bool = False
    needs_company: bool = False
    ambiguous: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Understood:
    """A text with what was read in it.

    Attributes
    ----------
    text : str
        As given.
    rest : str
        Without the words that were read; what is to be searched for if readings are filters.
    found : tuple of Found
    describes : bool
        Whether the readings that are not alone should be filters.
    """

    text: str
    rest: str
    found: tuple[Found, ...] = ()
    describes: bool = False


def understand(
    text: str, vocabulary: Vocabulary, person: Callable[[str], str | None]
) -> Understood:
    """Read what a text says about titles.

    Parameters
    ----------
    text : str
    vocabulary : Vocabulary
        Of the catalogue.
    person : callable
        From a name in any spelling to the catalogue's; None for nobody's.
    """
    tokens = [
        Token(word, piece.start(), piece.end())
        for piece in _TOKEN.finditer(text)
        if (word := normal(piece[0]).replace(" ", ""))
    ]
    if not tokens or len(tokens) > _MAX_WORDS:
        return Understood(text, text)
    reader = _Reader(text, tokens, vocabulary, person)
    found = _in_company(reader.read(), len(tokens))
    rest = _rest(text, tokens, [one for one in found if not one.alone])
    usable = [one for one in found if not one.alone]
    describes = any(one.describes for one in usable) or bool(usable and not rest)
    return Understood(text, rest, tuple(found), describes)


def _in_company(found: list[Found], words: int) -> list[Found]:
    """Mark readings that need others beside them and have none; drop ambiguous ones of these."""
    alone: set[int] = set()
    while True:
        others = [one for one in found if one.start not in alone]
        starts, ends = {one.start for one in others}, {one.end for one in others}
        new = {
            one.start
            for one in found
            if one.needs_company
            and one.start not in ends
            and one.end not in starts
            and (one.ambiguous or one.end - one.start < words)
        }
        if new <= alone:
            break
        alone |= new
    marked = [replace(one, alone=one.start in alone) for one in found]
    return [one for one in marked if not (one.alone and one.ambiguous)]


def _rest(text: str, tokens: Sequence[Token], found: Sequence[Found]) -> str:
    """Return the text without what was read; empty where nothing but fillers is left."""
    read = {i for one in found for i in range(one.start, one.end)}
    left = [i for i in range(len(tokens)) if i not in read]
    while left and tokens[left[0]].word in _FILLERS:
        left.pop(0)
    while left and tokens[left[-1]].word in _FILLERS:
        left.pop()
    rest = ""
    for i in left:
        follows = rest and i - 1 in left
        rest += text[tokens[i - 1].end : tokens[i].start] if follows else " " * bool(rest)
        rest += text[tokens[i].start : tokens[i].end]
    return rest


class _Reader:
    """Reads from left to right, the longest phrase first."""

    def __init__(
        self,
        text: str,
        tokens: Sequence[Token],
        vocabulary: Vocabulary,
        person: Callable[[str], str | None],
    ) -> None:
        self._text, self._tokens = text, tokens
        self._vocabulary, self._person = vocabulary, person
        self._words = [token.word for token in tokens]

    def read(self) -> list[Found]:
        found: list[Found] = []
        at = 0
        while at < len(self._words):
            one = max(self._at(at), key=lambda some: some.end, default=None)
            if one is not None:
                found.append(one)
            at = at + 1 if one is None else one.end
        return found

    def _at(self, at: int) -> Iterator[Found]:
        """Yield what can be read from one word on."""
        for kind, read in (("year", era), ("runtime", runtime)):
            if phrase := read(self._words, at):
                yield self._numbers(at, kind, phrase)
        yield from self._phrases(at)
        yield from self._places(at)
        yield from self._people(at)

    def _found(
        self, at: int, end: int, kind: str, conditions: tuple[Condition, ...], **flags: bool
    ) -> Found:
        words = self._text[self._tokens[at].start : self._tokens[end - 1].end]
        return Found(at, end, words, kind, conditions, **flags)

    def _numbers(self, at: int, kind: str, phrase: Phrase) -> Found:
        conditions = (phrase.meaning,)
        return self._found(at, at + phrase.length, kind, conditions, describes=phrase.explicit)

    def _phrases(self, at: int) -> Iterator[Found]:
        """Read phrases of the vocabulary, with the words that may lead to them."""
        words = self._words
        link = words[at] if at + 1 < len(words) else ""
        start = at + (link in {"on", "for", "the"})
        if link in {"on", "for"} and words[start : start + 1] == ["the"]:
            start += 1
        for begin in sorted({at, start}):
            for end in range(min(len(words), begin + self._vocabulary.longest), begin, -1):
                phrase = " ".join(words[begin:end])
                for entry in self._vocabulary.entries.get(phrase, ()):
                    if begin == at or _leads(link, entry):
                        yield self._entry(at, end, entry, linked=begin != at)

    def _entry(self, at: int, end: int, entry: Entry, *, linked: bool) -> Found:
        words = self._words
        if entry.kind == "provider" and words[end : end + 1] in (["original"], ["originals"]):
            end += 1
            linked = True
        names = entry.names_titles and not (entry.kind == "kind" and self._is_of(end))
        return self._found(
            at,
            end,
            entry.kind,
            entry.wanted,
            describes=names or linked,
            needs_company=not (names or linked)
            and (entry.ambiguous or entry.kind in {"genre", "kind"}),
            ambiguous=entry.ambiguous,
        )

    def _is_of(self, at: int) -> bool:
        """Return whether ``of`` goes on with something else than an era: "a series of events"."""
        return self._words[at : at + 1] == ["of"] and era(self._words, at) is None

    def _places(self, at: int) -> Iterator[Found]:
        """Read ``from france`` and ``in french``."""
        words = self._words
        if words[at] not in {"from", "in"}:
            if words[at + 1 : at + 2] in (["language"], ["speaking"]):
                yield from self._language(at, at, at + 2)
            return
        begin = at + 2 if words[at + 1 : at + 2] == ["the"] else at + 1
        for end in range(min(len(words), begin + 3), begin, -1):
            name = " ".join(words[begin:end])
            if words[at] == "from":
                code = _SHORT_COUNTRIES.get(name) or (country(name) if len(name) > 2 else "")
                if code in self._vocabulary.countries:
                    yield self._found(at, end, "place", ((("country", code),),), describes=True)
            else:
                yield from self._language(at, begin, end)

    def _language(self, at: int, begin: int, end: int) -> Iterator[Found]:
        name = " ".join(self._words[begin : end - (begin == at)])
        code = language(name) if len(name) > 2 else ""
        if code in self._vocabulary.languages:
            wanted = ((("language", code),),)
            yield self._found(at, end, "language", wanted, describes=True)

    def _people(self, at: int) -> Iterator[Found]:
        """Read a full name, with the words that lead to it."""
        words = self._words
        begin = at
        while begin < len(words) and begin - at < 2 and words[begin] in _NAMED_BY:
            begin += 1
        for first in sorted({at, begin}):
            for end in range(min(len(words), first + _MAX_NAME), first + _MIN_NAME - 1, -1):
                written = self._text[self._tokens[first].start : self._tokens[end - 1].end]
                name = self._person(written)
                if name is not None:
                    fields = ("director", "creator") if self._is_by(at, first) else ("person",)
                    wanted = (tuple((field, name) for field in fields),)
                    yield self._found(at, end, "person", wanted, describes=first > at)
                    break

    def _is_by(self, at: int, first: int) -> bool:
        return first > at and self._words[first - 1] == "by"


def _leads(link: str, entry: Entry) -> bool:
    """Return whether a word before a phrase belongs to it."""
    if link == "on":
        return entry.kind == "provider"
    if link == "for":
        return entry.kind == "genre" and any(
            value in {"Kids", "Family"} for wanted in entry.wanted for _, value in wanted
        )
    return False
