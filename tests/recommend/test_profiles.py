"""Profiles: those that ship, and which may be stored."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.recommend import PROFILES, Profile
from tv5core.recommend.profiles import (
    check_profile,
    decode_profiles,
    encode_profiles,
    shipped_profiles,
)


def test_three_ship_and_are_sound() -> None:
    assert tuple(sorted(shipped_profiles())) == PROFILES
    for name, profile in shipped_profiles().items():
        assert check_profile(name, profile) == (name, profile)


def test_stored_ones_come_back() -> None:
    some = {"b": Profile(like=("x", "y")), "a": Profile(text="heist", where="year:1990..")}
    assert decode_profiles(encode_profiles(some)) == some


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x81\xa1a\x07", msgspec.msgpack.encode([1])])
def test_a_damaged_section_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptFileError):
        decode_profiles(body)


@pytest.mark.parametrize("name", ["", "Upper", "a b", "ä", "-a", "a" * 65, None, 7])
def test_names_are_checked(name: Any) -> None:
    with pytest.raises(InvalidInputError, match="name"):
        check_profile(name, Profile(text="x"))


@pytest.mark.parametrize(
    "profile",
    [
        None, {"like": ["x"]}, Profile(), Profile(text="  "), Profile(dislike=("x",)),
        Profile(like="x"), Profile(like=(1,)), Profile(text=7), Profile(genres=(None,)),
        Profile(text="x", where=7), Profile(text="\ud800"),
        Profile(like=tuple(map(str, range(1_001)))),
    ],
)  # fmt: skip
def test_fields_are_checked(profile: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        check_profile("name", profile)
