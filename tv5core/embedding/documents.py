"""The text of a title that embedders read, plain and as weighted terms."""

from __future__ import annotations

from collections.abc import Iterator

from tv5core.analysis.words import count_terms, pairs, stems
from tv5core.types import Title

__all__ = ["PAIR_WEIGHT", "Pieces", "document", "essentials", "pieces", "title_terms"]

Pieces = tuple[tuple[float, bool, tuple[str, ...]], ...]
"""Weight, whether the texts are people's names, and the texts."""

CAST = 8
"""People in the cast that count: those a viewer might name."""

PAIR_WEIGHT = 0.25
"""Weight of a word pair relative to a single word. 0.2 to 0.4 are as good, 0.8 is clearly worse."""

# Chosen by the rank of the right title over 1,500 synopses of another source, 34 written
# queries and 400 of two names. Half or twice most of them changes little; people at 0.3
# instead of 1 put the title of two names among the first ten a quarter as often.
_TITLE, _OVERVIEW, _KEYWORDS, _TAGLINE, _GENRES = 1.5, 1.0, 1.0, 0.7, 0.4
_PEOPLE, _CHARACTERS, _YEAR = 1.0, 0.2, 0.2

_GENRE_WORDS = {"documentation": "documentary", "animated": "animation", "sport": "sports"}


def document(title: Title) -> str:
    """Describe a title in plain text, for models that read sentences.

    What matters most comes first, because such models cut long texts off.

    Parameters
    ----------
    title : Title

    Returns
    -------
    str

    Examples
    --------
    >>> document(Title(id="1", kind="movie", title="Jaws", year=1975, genres=("Thriller",)))
    'Jaws (1975). Thriller film.'
    """
    return " ".join(_sentences(title))


def _sentences(title: Title) -> Iterator[str]:
    year = f" ({title.year})" if title.year else ""
    if title.title:
        yield f"{title.title}{year}."
    yield from filter(None, (title.overview, title.tagline))
    kind = "series" if title.kind == "show" else "film"
    yield f"{', '.join(title.genres)} {kind}.".lstrip()
    if title.keywords:
        yield f"Keywords: {', '.join(title.keywords)}."
    if title.directors or title.creators:
        yield f"By {', '.join(dict.fromkeys(title.directors + title.creators))}."
    if title.cast:
        yield f"With {', '.join(person.name for person in title.cast[:CAST])}."


def essentials(title: Title) -> str:
    """Describe a title by its name, overview, genres and keywords, for the second space.

    People and years are found by words; in a model of sentences, they stand in the way.

    Examples
    --------
    >>> essentials(Title(id="1", kind="movie", title="Jaws", genres=("Thriller",)))
    'Jaws. Thriller'
    """
    name = f"{title.title}." if title.title else ""
    parts = (name, title.overview, ", ".join(title.genres), ", ".join(title.keywords))
    return " ".join(filter(None, parts))


def pieces(title: Title) -> Pieces:
    """Return the texts of a title whose terms count, by field."""
    original = () if title.original_title == title.title else (title.original_title,)
    cast = title.cast[:CAST]
    people = dict.fromkeys(title.directors + title.creators + tuple(p.name for p in cast))
    return (
        (_TITLE, False, (title.title, *original)),
        (_OVERVIEW, False, (title.overview,)),
        (_TAGLINE, False, (title.tagline,)),
        (_KEYWORDS, False, title.keywords),
        (_GENRES, False, tuple(_GENRE_WORDS.get(g.lower(), g) for g in title.genres)),
        (_CHARACTERS, False, tuple(dict.fromkeys(p.character for p in cast))),
        (_YEAR, False, (str(title.year or ""),)),
        (_PEOPLE, True, tuple(people)),
    )


def title_terms(texts: Pieces) -> dict[str, float]:
    """Count words and word pairs, each weighted by its field.

    Of a person's name, the last word and every pair count: a first name distinguishes nobody.
    """
    terms: dict[str, float] = {}
    for weight, names, field in texts:
        for text in field:
            words = stems(text) if text else []
            count_terms(terms, words[-1:] if names else words, weight)
            count_terms(terms, pairs(words), weight * PAIR_WEIGHT)
    return terms
