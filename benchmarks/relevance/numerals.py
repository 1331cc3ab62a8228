"""Numbers in names, and the other ways to write them: ``2``, ``ii``, ``two``."""

from __future__ import annotations

import random

__all__ = ["is_numeric", "rewritten"]

_ROMAN = "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv".split()
_WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
_SPELT = _WORDS.split()
_SEQUEL = frozenset(_ROMAN[1:]) - {"x"}
"""``x`` is a letter in names more often than a ten."""


def is_numeric(words: list[str]) -> bool:
    """Return whether a name holds a number, or is so short that only its letters say it."""
    if len(words) == 1 and len(words[0]) <= 2:
        return True
    return any(
        word.isdigit() or (at > 0 and word in _SEQUEL) or word in _SPELT
        for at, word in enumerate(words)
    )


def rewritten(words: list[str], draw: random.Random) -> list[str]:
    """Write the numbers of a name in another way, where there is one."""
    return [_other(word, at == len(words) - 1 > 0, draw) for at, word in enumerate(words)]


def _other(word: str, last: bool, draw: random.Random) -> str:
    """Write one number otherwise; Roman ones stand for sequels, at the end of a name."""
    if word.isdigit() and 1 <= int(word) <= len(_SPELT):
        number = int(word)
        ways = [_SPELT[number - 1], *([_ROMAN[number - 1]] if last and number > 1 else [])]
        return draw.choice(ways)
    if last and word in _SEQUEL:
        return str(_ROMAN.index(word) + 1)
    if word in _SPELT:
        return str(_SPELT.index(word) + 1)
    return word
