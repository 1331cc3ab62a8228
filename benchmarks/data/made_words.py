"""Made-up words and names of people, by rank: the same rank is the same word, each has its own.

The first ranks are the commonest English words, so that what treats those apart does so here.
The others are of syllables, mixed so that neighbours in rank are unlike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["people", "words"]

_COMMON = (
    "the and a of to by is in film on his directed american with was for it as her an starring "
    "from who that their he drama when at this comedy silent they but stars life written released"
).split()
_ONSETS = "b br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sh sl sp st t th tr v w z".split()
_VOWELS = "a e i o u ai ea ee ou".split()
_CODAS = ("", "", "n", "r", "l", "s", "t", "ck", "m", "nd")
_SYLLABLES = list(
    dict.fromkeys(onset + vowel + coda for onset in _ONSETS for vowel in _VOWELS[:5]
                  for coda in _CODAS)
)  # fmt: skip
_ENDS = "er ing ed ly ness son ton man ley ard el is on ia en or us ay et ow".split()
_SHORT, _LONG = 20_000, 4_000_000
_MIX = 7_368_787
"""A prime that divides neither of the sizes: ranks are multiplied by it, which permutes them."""

Ranks = npt.NDArray[np.int64]


def words(ranks: Ranks) -> list[str]:
    """Return the word of each rank."""
    return _looked_up(ranks, _word)


def people(ranks: Ranks) -> list[str]:
    """Return the name of each person; some share theirs, as people do."""
    return _looked_up(ranks, _person)


def _looked_up(ranks: Ranks, of: Callable[[int], str]) -> list[str]:
    unique, inverse = np.unique(ranks, return_inverse=True)
    named = np.array([of(rank) for rank in unique.tolist()], object)
    return named[inverse].tolist() if len(ranks) else []


@lru_cache(1 << 20)
def _word(rank: int) -> str:
    if rank < len(_COMMON):
        return _COMMON[rank]
    if rank < _SHORT:
        mixed = rank * _MIX % (len(_SYLLABLES) * len(_ENDS))
        return _SYLLABLES[mixed % len(_SYLLABLES)] + _ENDS[mixed // len(_SYLLABLES)]
    mixed = (rank - _SHORT) * _MIX % (len(_SYLLABLES) ** 2 * len(_ENDS))
    first, rest = mixed % len(_SYLLABLES), mixed // len(_SYLLABLES)
    middle, end = rest % len(_SYLLABLES), rest // len(_SYLLABLES)
    return _SYLLABLES[first] + _SYLLABLES[middle] + _ENDS[end]


@lru_cache(1 << 20)
def _person(rank: int) -> str:
    # Powers of what is left of the rank: some names are common, most are not.
    given = int((rank * _MIX % 1_000_003 / 1_000_003) ** 3 * 6_000)
    family = int((rank * 48_271 % 400_009 / 400_009) ** 2 * 400_000)
    return f"{_word(100 + given).title()} {_word(_SHORT + family).title()}"
