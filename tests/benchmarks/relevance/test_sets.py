"""The judged sets can be read, their halves are apart, and what is generated is seeded."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.relevance import numerals
from benchmarks.relevance.generated import GENERATED, checksum, generate
from benchmarks.relevance.judgements import HALVES, WRITTEN, read, resolve
from benchmarks.relevance.names import folded, words
from benchmarks.relevance.slips import KINDS, mistype, slip
from benchmarks.relevance.titles import Titles
from tv5core import Offer, Person, Title

OSA = pytest.importorskip("rapidfuzz.distance").OSA
LETTERS = "abcdefghijklmnopqrstuvwxyz"
DRAW = random.Random(3)


def made_up(number: int) -> Title:
    names = ["".join(DRAW.choices(LETTERS, k=DRAW.randint(4, 9))) for _ in range(4)]
    if number % 3 == 0:
        names[-1] = str(DRAW.randint(2, 14))
    year = 1950 + number % 60
    return Title(f"t:{number}", "movie", " ".join(names).title(), year=year, votes=number % 7)


TITLES = Titles([made_up(number) for number in range(400)])


@pytest.mark.parametrize("half", HALVES)
def test_every_written_group_has_enough_queries(half: str) -> None:
    counts = Counter(group for group, _, _ in read(half))
    assert set(counts) == set(WRITTEN)
    assert min(counts.values()) >= 40


def test_no_query_is_written_twice_in_a_half_or_for_both_in_one_group() -> None:
    halves = [[(group, folded(text) or text) for group, text, _ in read(half)] for half in HALVES]
    assert all(len(half) == len(set(half)) for half in halves)
    shared = {key for key in halves[0] if key in halves[1]}
    assert len(shared) <= 2, shared


@pytest.mark.parametrize("half", HALVES)
def test_every_judgement_is_well_formed(half: str) -> None:
    found, missing = resolve(half, TITLES)
    assert len(found) + len(missing) == len(list(read(half)))
    assert {query.group for query in found if query.want.kind == "none"} == {"nonsense"}
    assert all(each.reason for each in missing)


def test_works_are_found_by_any_name_a_year_beside_and_all_their_records() -> None:
    titles = Titles(
        [
            Title("a", "movie", "Léon: The Professional", original_title="Léon", year=1994),
            Title("b", "movie", "Leon", year=1995),
            Title("c", "show", "Leon", year=1994),
        ]
    )
    assert titles.find("léon", 1994, "movie") == {"a"}
    assert titles.find("LEON", 1996, "movie") == {"b"}
    assert titles.find("leon", None, "movie") == {"a", "b"}
    assert titles.find("Leon", 1990, "show") == frozenset()


def test_predicates_hold_where_they_say() -> None:
    titles = Titles(
        [
            Title("a", "movie", "Night Train", year=1985, genres=("Thriller",), runtime=80,
                  cast=(Person("Zoë Q"),), offers=(Offer("hulu", "US"),)),
            Title("b", "show", "Trains", year=1990, genres=("Comedy", "Thriller"),
                  overview="A heist at night."),
            Title("c", "movie", "Robbers", year=1999, directors=("Zoe Q",)),
        ]
    )  # fmt: skip
    expected = {
        "genre=Thriller": "ab", "genre=Thriller genre=Comedy": "b", "year=1985-1990": "ab",
        "year=1990-": "bc", "year=-1985": "a", "runtime=-90": "a", "about=heist|rob*": "bc",
        "about=night_train": "a", "title=train": "a", "title=train*": "ab", "person=Zoë_Q": "ac",
        "director=zoe_q": "c", "on=hulu": "a", "kind=show": "b", "!genre=thriller": "c",
        "genre=Comedy|Thriller !kind=show": "a",
    }  # fmt: skip
    assert {text: "".join(titles.select(text)) for text in expected} == expected


@pytest.mark.parametrize("bad", ["", "colour=red", "year=old", "genre"])
def test_malformed_predicates_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        TITLES.select(bad)


def test_names_are_folded() -> None:
    assert words("M*A*S*H & Schindler's Léon") == "m a s h and schindlers leon".split()
    assert folded("10½ Weeks") == "10 1 2 weeks"


@given(st.text(LETTERS + "0123456789 ", min_size=1, max_size=40), st.integers(0, 1 << 30))
def test_slips_are_small_and_leave_digits_and_the_first_letter_alone(text: str, seed: int) -> None:
    wrong = slip(text, random.Random(seed))
    assert wrong[0] == text[0]
    assert [c for c in wrong if c.isdigit()] == [c for c in text if c.isdigit()]
    assert OSA.distance(text, wrong) <= 3


@given(st.integers(0, 1 << 30))
def test_long_names_get_at_most_two_slips(seed: int) -> None:
    name = "the shawshank redemption"
    assert 1 <= OSA.distance(name, mistype(name, random.Random(seed))) <= 6


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_slip_changes_a_name(kind: str) -> None:
    assert KINDS[kind]("schindlers list", random.Random(1)) != "schindlers list"


def test_numbers_are_written_otherwise() -> None:
    draw = random.Random(0)
    assert numerals.rewritten("rocky ii".split(), draw) == ["rocky", "2"]
    assert numerals.rewritten("7 samurai".split(), draw) == ["seven", "samurai"]
    assert numerals.rewritten("twelve monkeys".split(), draw) == ["12", "monkeys"]
    assert {numerals.rewritten(["saw", "3"], draw)[1] for _ in range(30)} == {"iii", "three"}
    assert numerals.rewritten("malcolm x".split(), draw) == ["malcolm", "x"]
    assert numerals.is_numeric(["m"])
    assert not numerals.is_numeric(["saw", "on"])


def test_generated_queries_are_seeded_and_halves_share_no_name() -> None:
    halves = {half: generate(half, TITLES, 30) for half in HALVES}
    assert halves == {half: generate(half, TITLES, 30) for half in HALVES}
    for half, queries in halves.items():
        assert {query.group for query in queries} == set(GENERATED)
        assert checksum(queries, TITLES) == checksum(generate(half, TITLES, 30), TITLES)
    wanted = [
        {work for query in queries for work in query.want.works} for queries in halves.values()
    ]
    assert not wanted[0] & wanted[1]


def test_typos_are_no_names_and_partial_names_are_parts() -> None:
    for query in generate("tuning", TITLES, 50):
        name = folded(TITLES.by_id[min(query.want.works[0])].title)
        if query.group == "typo":
            assert query.text not in TITLES.by_name
        if query.group == "partial":
            assert f" {query.text} " in f" {name} "
            assert query.text != name
