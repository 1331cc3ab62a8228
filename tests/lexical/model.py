"""Search by words in plain Python, one document after the other: what the engine must equal."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from tv5core.analysis.names import chunks, name_chunk, text_chunk
from tv5core.analysis.words import stem
from tv5core.lexical import GROUPS, WordQuery
from tv5core.lexical.fields import FIELDS, TEXT, field_values
from tv5core.lexical.phrases import phrase_of
from tv5core.lexical.statistics import Weights
from tv5core.types import Person, Title

WORDS = (
    "rocky ii 2 two spider-man spiderman man it the who star wars war matrix m*a*s*h thieves thief "
    "o'brien léon seven se7en 七人の侍 сталкер x"
).split()
texts = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
some_texts = st.lists(texts, max_size=3).map(tuple)
titles_of_one = st.builds(
    Title,
    id=st.just("x:1"),
    kind=st.just("movie"),
    title=texts,
    original_title=texts,
    overview=texts,
    tagline=texts,
    genres=some_texts,
    keywords=some_texts,
    directors=some_texts,
    cast=st.lists(st.builds(Person, name=texts, character=texts), max_size=2).map(tuple),
    year=st.sampled_from([None, 1983, 2001]),
    votes=st.integers(0, 5),
)
catalogues = st.lists(titles_of_one, max_size=12)

Place = tuple[int, str]


def places(title: Title, field: int) -> list[Place]:
    """Return the terms of a field by position."""
    analyse = text_chunk if field == TEXT else name_chunk
    found: list[Place] = []
    position = 0
    for i, value in enumerate(field_values(title)[field]):
        position += 8 if i else 0
        for chunk in chunks(value):
            analysed = analyse(chunk)
            found += [(position + offset, term) for offset, term in analysed.terms]
            position += analysed.positions
    return found


def length(title: Title, field: int) -> int:
    """Count the words of a field that are searched."""
    analyse = text_chunk if field == TEXT else name_chunk
    found = [analyse(chunk) for value in field_values(title)[field] for chunk in chunks(value)]
    return sum(c.positions for c in found if c.terms or c.positions > 1)


def frequency(title: Title, field: int, term: str) -> int:
    return sum(found == term for _, found in places(title, field))


def has_any(title: Title, terms, fields) -> bool:
    return any(frequency(title, field, term) for field in fields for term in terms)


def scores(titles, query: WordQuery, title: Title) -> list[float]:
    """Score one document by the formula of BM25F, in double precision."""
    weights, found = Weights(), [0.0] * len(GROUPS)
    for word in query.words:
        for group, terms in enumerate(word.groups):
            fields = GROUPS[group].fields
            having = sum(has_any(t, [w.term for w in terms], fields) for t in titles)
            sums = sum(
                weight * frequency(title, field, term) * norm(titles, title, field)
                for term, weight in terms
                for field in fields
            )
            idf = np.log1p((len(titles) - having + 0.5) / (having + 0.5))
            if sums:
                found[group] += word.weight * idf * sums / (weights.saturations[group] + sums)
    return found


def norm(titles, title: Title, field: int) -> float:
    weights = Weights()
    average = sum(length(t, field) for t in titles) / len(titles)
    b = weights.lengths[field]
    return weights.fields[field] / (1 - b + b * length(title, field) / max(average, 1e-9))


def mask(query: WordQuery, title: Title, group: int) -> int:
    return sum(
        1 << bit
        for bit, word in enumerate(query.words)
        if has_any(title, [t.term for t in word.groups[group]], GROUPS[group].fields)
    )


def has_phrase(title: Title, text: str, field: int) -> bool:
    wanted, found = phrase_of(text, field), set(places(title, field))
    starts = {position - wanted[0].offset for position, _ in found} if wanted else set()
    return any(all((start + o, term) in found for o, term in wanted) for start in starts)


def has_phrase_anywhere(title: Title, text: str) -> bool:
    return any(has_phrase(title, text, field) for field in range(len(FIELDS)))


def has_word_anywhere(title: Title, word: str) -> bool:
    found = {term for field in range(len(FIELDS)) for _, term in places(title, field)}
    return word in found or any(stem(term) == stem(word) for term in found)


def distance(one: str, other: str) -> int:
    """Return the distance of optimal string alignment."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def prefix_distance(one: str, other: str) -> int:
    return min(distance(one, other[:i]) for i in range(len(other) + 1))


def is_sorted(values) -> bool:
    return all(a <= b for a, b in pairwise(values))
