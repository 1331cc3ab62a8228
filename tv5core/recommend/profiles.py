"""Profiles: a taste under a name. Three ship, any number can be stored in a catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from tv5core.arguments import shown
from tv5core.errors import CorruptFileError, InvalidInputError

__all__ = ["PROFILES", "SECTION", "SECTION_VERSION", "Profile", "check_profile", "decode_profiles",
           "encode_profiles", "shipped_profiles"]  # fmt: skip

SECTION, SECTION_VERSION = "profiles", 1

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MOST_TEXTS = 1_000


class Profile(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A taste under a name.

    Attributes
    ----------
    like, dislike : tuple of str
        Ids of titles, the latest last; those that a catalogue does not have are ignored.
    text : str
        What the taste is about, searched for like a query.
    genres : tuple of str
        Genres liked, as strongly as if all likes had them; only titles of one of them are
        recommended.
    where : str
        Which titles may be recommended, as text; see ``Catalog.recommend``.
    """

    like: tuple[str, ...] = ()
    dislike: tuple[str, ...] = ()
    text: str = ""
    genres: tuple[str, ...] = ()
    where: str = ""


@cache
def shipped_profiles() -> Mapping[str, Profile]:
    """Read the profiles that ship, by name; see :data:`PROFILES`."""
    raw = files("tv5core.data").joinpath("profiles.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, Profile])


PROFILES = ("action_fan", "documentary_enthusiast", "family_viewer")
"""Names of the profiles that ship."""


def check_profile(name: object, profile: object) -> tuple[str, Profile]:
    """Return a profile and its name, after checking the types of all its fields.

    Raises
    ------
    InvalidInputError
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInputError(
            "expected a profile's name of 1 to 64 lower-case letters, digits, - and _, got "
            f"{shown(name)}"
        )
    if not isinstance(profile, Profile):
        raise InvalidInputError(f"expected a Profile, got {shown(profile)}")
    try:
        checked = msgspec.msgpack.decode(msgspec.msgpack.encode(profile), type=Profile)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInputError(f"expected a valid Profile, got one where: {error}") from error
    _check_size(checked)
    return name, checked


def _check_size(profile: Profile) -> None:
    for field in ("like", "dislike", "genres"):
        if (count := len(getattr(profile, field))) > _MOST_TEXTS:
            raise InvalidInputError(f"expected {field} of up to {_MOST_TEXTS:,}, got {count:,}")
    if not (profile.like or profile.text.strip() or profile.genres):
        raise InvalidInputError("expected a profile with likes, a text or genres, got none of them")


def encode_profiles(profiles: Mapping[str, Profile]) -> bytes:
    """Encode profiles for a section."""
    return msgspec.msgpack.encode(dict(sorted(profiles.items())))


def decode_profiles(body: bytes) -> dict[str, Profile]:
    """Decode a section; raises CorruptFileError."""
    try:
        return msgspec.msgpack.decode(body, type=dict[str, Profile])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"expected stored profiles, got {error}") from error
