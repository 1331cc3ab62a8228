"""A seeded model of how names are mistyped.

The kinds of slips and their order follow Damerau (1964, Communications of the ACM 7:3): a letter
omitted, a letter too many, a wrong letter, two letters exchanged. Wrong letters come from beside
the right one on the keyboard, letters too many are doubled ones, and a fifth kind writes a name as
it sounds. Digits are never mistyped, nor is the first letter, which people get right.
"""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["KINDS", "mistype", "slip"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SOUNDS = (
    ("ph", "f"), ("ck", "k"), ("qu", "kw"), ("ie", "ei"), ("ei", "ie"), ("ee", "ea"), ("ea", "ee"),
    ("ou", "u"), ("oo", "u"), ("ght", "t"), ("kn", "n"), ("wh", "w"), ("tion", "shun"),
    ("sch", "sh"), ("x", "ks"), ("z", "s"), ("c", "k"), ("y", "i"), ("ll", "l"), ("ss", "s"),
    ("tt", "t"), ("rr", "r"), ("nn", "n"), ("mm", "m"), ("er", "or"), ("or", "er"), ("an", "en"),
    ("en", "an"), ("ai", "ay"), ("au", "o"), ("ce", "se"), ("ge", "je"),
)  # fmt: skip


def _neighbours() -> dict[str, str]:
    found = {}
    for y, row in enumerate(_ROWS):
        for x, letter in enumerate(row):
            beside = row[max(0, x - 1) : x] + row[x + 1 : x + 2]
            above = _ROWS[y - 1][x : x + 2] if y else ""
            below = _ROWS[y + 1][max(0, x - 1) : x + 1] if y + 1 < len(_ROWS) else ""
            found[letter] = beside + above + below
    return found


_BESIDE = _neighbours()


def _places(text: str, draw: random.Random, wide: int = 1) -> int | None:
    """Choose where so many letters stand together, none of them the first of the text."""
    found = [
        at for at in range(1, len(text) - wide + 1)
        if all(sign.isascii() and sign.isalpha() for sign in text[at : at + wide])
    ]  # fmt: skip
    return draw.choice(found) if found else None


def _omit(text: str, draw: random.Random) -> str:
    at = _places(text, draw)
    return text if at is None else text[:at] + text[at + 1 :]


def _double(text: str, draw: random.Random) -> str:
    at = _places(text, draw)
    return text if at is None else text[:at] + text[at] + text[at:]


def _replace(text: str, draw: random.Random) -> str:
    at = _places(text, draw)
    if at is None or text[at] not in _BESIDE:
        return text
    return text[:at] + draw.choice(_BESIDE[text[at]]) + text[at + 1 :]


def _transpose(text: str, draw: random.Random) -> str:
    at = _places(text, draw, 2)
    return text if at is None else text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _by_ear(text: str, draw: random.Random) -> str:
    found = [
        (at, right, heard)
        for right, heard in _SOUNDS
        for at in range(1, len(text))
        if text.startswith(right, at)
    ]
    if not found:
        return text
    at, right, heard = draw.choice(found)
    return text[:at] + heard + text[at + len(right) :]


KINDS: dict[str, Callable[[str, random.Random], str]] = {
    "omission": _omit,
    "doubling": _double,
    "neighbour": _replace,
    "transposition": _transpose,
    "sound": _by_ear,
}
"""The kinds of slips; each returns the text itself where it has no place for one."""


def slip(text: str, draw: random.Random) -> str:
    """Mistype a text once, in lower case; unchanged where it holds nothing to mistype."""
    for _ in range(20):
        changed = KINDS[draw.choice(list(KINDS))](text, draw)
        if changed != text:
            return changed
    return text


def mistype(text: str, draw: random.Random) -> str:
    """Mistype a text as long as it is: once, and a third of those above 11 letters twice."""
    changed = slip(text, draw)
    if len(text) > 11 and draw.random() < 1 / 3:
        again = slip(changed, draw)
        return changed if again == text else again
    return changed
