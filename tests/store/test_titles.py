from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core import errors
from tv5core.store import titles
from tv5core.types import Offer, Person, Title

INCEPTION = Title(
    "tmdb:movie:27205",
    "movie",
    "Inception",
    release_date="2010-07-15",
    year=2010,
    overview="A thief enters dreams.",
    genres=("Action", "Science Fiction"),
    cast=(Person("Leonardo DiCaprio", "Cobb"),),
    directors=("Christopher Nolan",),
    runtime=148,
    rating=8.4,
    votes=35000,
    external_ids={"tmdb": "27205", "imdb": "tt1375666"},
    offers=(Offer("netflix", "US", price=3.99, currency="USD"),),
)
# What version 1 wrote. It must be readable for ever: never change it, add another.
GOLDEN_1 = bytes.fromhex(
    "01de000ea26964b0746d64623a6d6f7669653a3237323035a46b696e64a56d6f766965a57469746c"
    "65a9496e63657074696f6eac72656c656173655f64617465aa323031302d30372d3135a479656172"
    "cd07daa86f76657276696577b64120746869656620656e7465727320647265616d732ea667656e72"
    "657392a6416374696f6eaf536369656e63652046696374696f6ea4636173749182a46e616d65b14c"
    "656f6e6172646f20446943617072696fa9636861726163746572a4436f6262a96469726563746f72"
    "7391b14368726973746f70686572204e6f6c616ea772756e74696d65cc94a6726174696e67cb4020"
    "cccccccccccda5766f746573cd88b8ac65787465726e616c5f69647382a4696d6462a97474313337"
    "35363636a4746d6462a53237323035a66f66666572739184a870726f7669646572a76e6574666c69"
    "78a6726567696f6ea25553a57072696365cb400feb851eb851eca863757272656e6379a3555344"
)

# Version 2 is the same behind a checksum.
GOLDEN_2 = b"\x02" + bytes.fromhex("cf478fef") + GOLDEN_1[1:]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
any_title = st.builds(
    Title,
    id=st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=50
    ),
    kind=st.sampled_from(["movie", "show"]),
    title=texts,
    year=st.none() | st.integers(-(2**31), 2**31),
    overview=texts,
    genres=st.lists(texts, max_size=3).map(tuple),
    cast=st.lists(st.builds(Person, name=texts, character=texts), max_size=2).map(tuple),
    rating=st.none() | st.floats(allow_nan=False),
    votes=st.integers(0, 2**40),
    external_ids=st.dictionaries(texts, texts, max_size=3),
    offers=st.lists(
        st.builds(Offer, provider=texts, price=st.none() | st.floats(allow_nan=False)), max_size=2
    ).map(tuple),
)


def test_golden_bytes() -> None:
    assert titles.encode(INCEPTION) == GOLDEN_2
    assert titles.decode(GOLDEN_2) == INCEPTION
    assert titles.decode(GOLDEN_1) == INCEPTION


@given(any_title)
def test_round_trip(title: Title) -> None:
    assert titles.decode(titles.check_title(title, 0)) == title


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 7))
@settings(max_examples=examples(300))
def test_damage_of_version_1_is_a_typed_error_or_a_title(tail: bytes, place: int, bit: int) -> None:
    flipped = bytearray(GOLDEN_1)
    flipped[place % len(flipped)] ^= 1 << bit
    for data in (tail, b"\x01" + tail, bytes(flipped), GOLDEN_1[:place]):
        with suppress(errors.CorruptFileError):
            assert isinstance(titles.decode(data), Title)


@given(st.integers(0, len(GOLDEN_2) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_found(place: int, bit: int) -> None:
    flipped = bytearray(GOLDEN_2)
    flipped[place] ^= 1 << bit
    for data in (bytes(flipped), GOLDEN_2[:place]):
        with pytest.raises(errors.CorruptFileError):
            titles.decode(data)


def test_unknown_fields_are_skipped_and_missing_ones_default() -> None:
    later = {"id": "a", "kind": "show", "title": "A", "invented_later": [1, {"x": 2}]}
    decoded = titles.decode(b"\x01" + msgspec.msgpack.encode(later))
    assert decoded == Title("a", "show", "A")


def test_newer_version_is_named() -> None:
    with pytest.raises(errors.FormatVersionError, match="version 2 or less, got 9"):
        titles.decode(b"\x09" + GOLDEN_1[1:])


def test_a_flipped_bit_of_the_version_is_damage_and_not_a_newer_version() -> None:
    sound = titles.encode(Title("a", "show", "A"))
    for bit in range(8):
        with pytest.raises(errors.CorruptFileError, match="expected ") as raised:
            titles.decode(bytes([sound[0] ^ 1 << bit]) + sound[1:])
        assert not isinstance(raised.value, errors.FormatVersionError)


@pytest.mark.parametrize(
    "name", ["", "x" * 257, "é" * 129, "a\nb", "a\x00", "a\x7f", "a\x85", "\ud800", 5, None]
)
def test_bad_ids(name: object) -> None:
    with pytest.raises(errors.InvalidInputError, match="at 3"):
        titles.check_title(Title(name, "movie", "A"), 3)  # type: ignore[arg-type]


def test_longest_id() -> None:
    titles.check_title(Title("é" * 128, "movie", "A"), 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": None},
        {"kind": "play"},
        {"year": "2010"},
        {"genres": [1]},
        {"cast": ("Ann",)},
        {"external_ids": {"imdb": 5}},
        {"overview": "\ud800"},
        {"votes": 2**70},
        {"title": object()},
    ],
)
def test_wrong_types_are_refused(fields: dict[str, object]) -> None:
    title = msgspec.structs.replace(Title("a", "movie", "A"), **fields)
    with pytest.raises(errors.InvalidInputError, match="valid Title at 0"):
        titles.check_title(title, 0)


def test_not_a_title() -> None:
    with pytest.raises(errors.InvalidInputError, match="expected a Title at 2, got dict"):
        titles.check_title({"id": "a"}, 2)  # type: ignore[arg-type]


def test_equal_titles_have_equal_bytes() -> None:
    one = msgspec.structs.replace(INCEPTION, external_ids={"imdb": "tt1375666", "tmdb": "27205"})
    assert titles.encode(one) == GOLDEN_2
