"""Segments answer as a search over plain titles does, however they came to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.lexical import model
from tv5core import bitmap
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.lexical import (
    FIELDS,
    GROUPS,
    SegmentStatistics,
    Statistics,
    Typed,
    WordSegment,
    expand,
    score,
)
from tv5core.types import Title

few = settings(deadline=None, max_examples=examples(60))


def film(title: str, **fields) -> Title:
    return Title(id=f"x:{title}", kind="movie", title=title, **fields)


def statistics_of(*segments: WordSegment) -> Statistics:
    return Statistics([SegmentStatistics(segment) for segment in segments])


@given(model.catalogues, model.texts)
@few
def test_scores_are_those_of_the_formula(titles, text) -> None:
    segment = WordSegment.build(titles)
    query = expand(text, statistics_of(segment))
    found = score(segment, query, statistics_of(segment))
    for i, document in enumerate(found.documents.tolist()):
        want = model.scores(titles, query, titles[document])
        np.testing.assert_allclose(found.scores[:, i], want, rtol=1e-5, atol=1e-7)
        for group in range(len(GROUPS)):
            assert found.words[group, i] == model.mask(query, titles[document], group)
    missed = set(range(len(titles))) - set(found.documents.tolist())
    assert not any(model.mask(query, titles[d], g) for d in missed for g in range(len(GROUPS)))


@given(model.catalogues, model.texts, st.sampled_from(FIELDS))
@few
def test_phrases(titles, text, field) -> None:
    found = WordSegment.build(titles).phrase(text, field)
    number = FIELDS.index(field)
    want = [i for i, title in enumerate(titles) if model.has_phrase(title, text, number)]
    assert bitmap.rows(found, len(titles)).tolist() == want


@given(model.catalogues, model.texts, st.sampled_from(["rocky spider", "the war", "thief", "x"]))
@few
def test_quoted_and_excluded(titles, quoted, excluded) -> None:
    segment = WordSegment.build(titles)
    statistics = statistics_of(segment)
    plain = score(segment, expand("the it", statistics), statistics)
    query = expand(Typed("the it", (quoted,), (excluded,)), statistics)
    excludes = model.has_phrase_anywhere if " " in excluded else model.has_word_anywhere
    assert score(segment, query, statistics).documents.tolist() == [
        document
        for document in plain.documents.tolist()
        if model.has_phrase_anywhere(titles[document], quoted)
        and not excludes(titles[document], excluded)
    ]


@st.composite
def grown(draw):
    """Draw titles in several segments, some deleted, and the order of those that are left."""
    parts = draw(st.lists(model.catalogues, min_size=1, max_size=3))
    alive = [[draw(st.booleans()) for _ in part] for part in parts]
    left = [(p, d) for p, some in enumerate(alive) for d, lives in enumerate(some) if lives]
    return parts, alive, draw(st.permutations(left))


@given(grown(), model.texts)
@few
def test_a_grown_index_scores_as_a_fresh_one(made, text) -> None:
    parts, alive, _ = made
    segments = [WordSegment.build(part) for part in parts]
    bitmaps = [bitmap.from_mask(np.array(some, bool)) for some in alive]
    statistics = Statistics(
        [SegmentStatistics(s, b) for s, b in zip(segments, bitmaps, strict=True)]
    )
    query = expand(text, statistics)
    rows = []
    for segment, lives in zip(segments, bitmaps, strict=True):
        rows += columns(score(segment, query, statistics, lives))
    left = [
        title
        for part, some in zip(parts, alive, strict=True)
        for title, lives in zip(part, some, strict=True)
        if lives
    ]
    fresh = WordSegment.build(left)
    want = score(fresh, expand(text, statistics_of(fresh)), statistics_of(fresh))
    assert rows == columns(want)


def columns(evidence) -> list[tuple]:
    """Return what a document's evidence is, to the bit, in order."""
    return [
        (*evidence.scores[:, i].view(np.uint32), *evidence.words[:, i], evidence.title_match[i])
        for i in range(len(evidence))
    ]


@given(grown())
@few
def test_merging_equals_building(made) -> None:
    parts, _, left = made
    segments = [WordSegment.build(part) for part in parts]
    part, document = (np.array([pair[i] for pair in left], np.int32) for i in range(2))
    merged = WordSegment.merge(segments, part, document)
    fresh = WordSegment.build([parts[p][d] for p, d in left])
    same_sections(merged, fresh)


def same_sections(one: WordSegment, other: WordSegment) -> None:
    got, want = one.sections(), other.sections()
    assert got.keys() == want.keys()
    for name, array in want.items():
        assert got[name].dtype == array.dtype, name
        np.testing.assert_array_equal(got[name], array, name)


def test_building_in_batches_equals_building_at_once(monkeypatch) -> None:
    titles = [film(f"{word} {i}", overview="the thieves " * i) for i in range(30) for word in "ab"]
    whole = WordSegment.build(titles)
    monkeypatch.setattr("tv5core.lexical.segment._AT_ONCE", 7)
    monkeypatch.setattr("tv5core.lexical.postings._CHUNK", 20)
    same_sections(WordSegment.build(titles), whole)


@given(model.catalogues, model.texts)
@few
def test_common_words_add_to_what_rarer_ones_find(titles, text) -> None:
    segment = WordSegment.build(titles)
    query = expand(text, statistics_of(segment))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tv5core.lexical.scoring._FOUND", 10**9)
        full = score(segment, query, statistics_of(segment))
        patch.setattr("tv5core.lexical.scoring._FOUND", 0)
        patch.setattr("tv5core.lexical.scoring._FOUND_SHARE", 10**9)
        few_found = score(segment, query, statistics_of(segment))
    rarest = min(
        (
            (SegmentStatistics(segment).document_frequency(names, GROUPS[g].fields), bit, g)
            for bit, word in enumerate(query.words)
            for g, terms in enumerate(word.groups)
            if (names := tuple(t.term for t in terms))
        ),
        default=None,
    )
    rows = dict(zip(full.documents.tolist(), columns(full), strict=True))
    got = dict(zip(few_found.documents.tolist(), columns(few_found), strict=True))
    called = {d for d, row in rows.items() if row[-1]}
    having = {d for d, row in rows.items() if rarest and int(row[3 + rarest[2]]) >> rarest[1] & 1}
    assert set(got) == called | having
    assert all(got[d] == rows[d] for d in having)


def test_long_lists_and_many_occurrences() -> None:
    titles = [film("common " * (i % 400), overview="far " * 70_000 * (i == 3)) for i in range(1000)]
    segment = WordSegment.build(titles)
    assert segment.document_frequency("common", "title") == sum(i % 400 > 0 for i in range(1000))
    found, frequencies = segment.postings.decode(np.array(segment.lists("common", (0,))))
    assert found.tolist() == [i for i in range(1000) if i % 400]
    assert frequencies.tolist() == [min(i % 400, 255) for i in range(1000) if i % 400]
    assert segment.lengths[0, 300] == 255
    assert bitmap.count(segment.phrase("far far", "text")) == 1


def test_nothing_known_finds_nothing() -> None:
    segment = WordSegment.build([film("Heat", overview="A thief and a detective.")])
    query = expand("qwrtzpsdfg", statistics_of(segment))
    assert query.known == (False,)
    assert len(score(segment, query, statistics_of(segment))) == 0


@pytest.mark.parametrize("text", ["", " ", "!!!", '""', "-", "\0", "\ud800", "x" * 100_000])
def test_strange_queries(text) -> None:
    segment = WordSegment.build([film("Heat"), film("X")])
    query = expand(text, statistics_of(segment))
    assert len(score(segment, query, statistics_of(segment))) == 0


@pytest.mark.parametrize("count", [0, 1, 5])
def test_sections_come_back(count) -> None:
    segment = WordSegment.build([film(f"Film {i}", overview="x y") for i in range(count)])
    again = WordSegment.from_sections(segment.sections())
    same_sections(again, segment)
    assert len(again) == count
    assert again.memory_bytes == segment.memory_bytes > 0


@pytest.mark.parametrize("name", sorted(WordSegment.build([]).sections()))
def test_sections_that_do_not_fit_are_refused(name) -> None:
    sections = WordSegment.build([film("Heat", overview="a thief thief"), film("Up")]).sections()
    with pytest.raises(CorruptFileError, match="expected a section"):
        WordSegment.from_sections({k: v for k, v in sections.items() if k != name})
    sections[name] = sections[name][:-1]
    with pytest.raises(CorruptFileError, match="expected"):
        WordSegment.from_sections(sections)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected a field among title"):
        WordSegment.build([]).phrase("x", "plot")
