"""Made-up titles at any number, distributed as 66,120 real ones are: words, names, votes, offers.

Texts are of a vocabulary that grows by Heaps' law (300,000 terms and more in a million titles),
casts of people known and unknown (a million), names collide as real ones do, and votes, dates,
genres, lengths and what is missing follow the real titles' quantiles and shares, which
``python -m benchmarks titles --check`` compares. Titles are drawn in blocks, so memory is bounded;
a block depends on the seed and its number alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from benchmarks.data import made_words
from benchmarks.data.distributions import I64, Quantiles, Ranks, Shares
from tv5core import Offer, Person, Title

__all__ = ["BLOCK", "WholeTitles"]

BLOCK = 5_000

_TELLING = 40
"""Rank from which words tell something: names end with such a word."""

_TEXT = Ranks(
    {
        1: 0.0567, 2: 0.037, 5: 0.0189, 10: 0.0086, 30: 0.00253, 100: 7.62e-4, 300: 3.15e-4,
        1_000: 1.146e-4, 3_000: 3.73e-5, 10_000: 7.4e-6, 30_000: 1.2e-6,
    },
    tail=2.25,
)  # fmt: skip
_NAMES = Ranks(
    {
        1: 0.105, 2: 0.0344, 3: 0.016, 5: 0.0111, 10: 0.0042, 30: 0.00235, 100: 8.66e-4,
        300: 3.9e-4, 1_000: 1.4e-4, 3_000: 4.35e-5, 10_000: 1.06e-5,
    },
    tail=1.95,
)  # fmt: skip
_PEOPLE = Ranks(
    {
        1: 4.36e-4, 10: 2.75e-4, 100: 1.68e-4, 1_000: 8.3e-5, 3_000: 4.15e-5, 10_000: 1.62e-5,
        50_000: 3.7e-6,
    },
    tail=1.4,
)  # fmt: skip
_OVERVIEW = Quantiles(
    {0: 5, 0.05: 14, 0.25: 25, 0.5: 39, 0.75: 58, 0.95: 92, 0.99: 133, 1: 340}, logarithmic=True
)
_TAGLINE = Quantiles({0: 2, 0.05: 3, 0.25: 5, 0.5: 7, 0.75: 10, 0.95: 17, 1: 40})
_CAST = Quantiles({0: 0, 0.15: 0, 0.151: 1, 0.25: 2, 0.5: 3, 0.75: 6, 0.95: 24, 0.99: 55, 1: 120})
_TITLE_WORDS = Shares({1: 13.3, 2: 27.7, 3: 26.4, 4: 15.9, 5: 8.5, 6: 4.0, 7: 2.0, 8: 1.1, 9: 1.1})
_VOTES = Quantiles(
    {0: 5, 0.05: 12, 0.25: 236, 0.5: 723, 0.75: 4_407, 0.95: 97_946, 0.99: 433_008, 1: 2_695_104},
    logarithmic=True,
)
_POPULARITY = Quantiles(
    {0: 0.1, 0.05: 0.75, 0.25: 3.28, 0.5: 7.89, 0.75: 15.9, 0.95: 60.8, 0.99: 176, 1: 2_456},
    logarithmic=True,
)
_RUNTIME = Quantiles({0: 1, 0.05: 22, 0.25: 64, 0.5: 92, 0.75: 107, 0.95: 139, 0.99: 170, 1: 600})
_RATING = Quantiles({0: 1, 0.05: 4.5, 0.25: 5.8, 0.5: 6.52, 0.75: 7.2, 0.95: 8.1, 0.99: 8.7, 1: 10})
_KEYWORDS = Quantiles({0: 1, 0.05: 1, 0.25: 5, 0.5: 9, 0.75: 15, 0.95: 26, 1: 60})
_DECADES = Shares(
    {
        1900: 0.55, 1910: 5.85, 1920: 8.43, 1930: 6.94, 1940: 7.04, 1950: 5.08, 1960: 2.95,
        1970: 3.11, 1980: 4.4, 1990: 6.87, 2000: 9.09, 2010: 27.2, 2020: 12.5,
    }
)  # fmt: skip
_GENRES = Shares(
    {
        "Drama": 27927, "Comedy": 19892, "Action": 8457, "Thriller": 7876, "Romance": 7325,
        "Silent": 7116, "Crime": 5844, "Documentary": 5587, "Adventure": 5087, "Western": 4736,
        "International": 4640, "Horror": 4349, "Family": 4034, "Animation": 3960,
        "Science Fiction": 3718, "Fantasy": 3151, "Kids": 2423, "Mystery": 2282, "War": 2271,
        "Musical": 2150, "History": 1700, "Music": 1605, "Sports": 1287, "Film Noir": 1110,
        "Reality": 1074, "Independent": 1065, "Short": 1020, "European": 841, "Biography": 780,
        "Anime": 612, "Stand-Up": 411, "Teen": 393, "Supernatural": 310, "Nature": 299,
    }
)  # fmt: skip
_GENRE_COUNTS = Shares({0: 1.8, 1: 30.1, 2: 33.8, 3: 19.4, 4: 8.2, 5: 3.7, 6: 3.0})
_PROVIDERS = Shares(
    {
        "netflix": 11218, "amazon prime video": 9648, "paramount plus": 3156, "hbo max": 3113,
        "hulu": 3073, "disney plus": 2192, "apple tv plus": 170,
    }
)  # fmt: skip
_OFFER_COUNTS = Shares({0: 53.3, 1: 44.3, 2: 2.24, 3: 0.15})
_LANGUAGES = Shares(
    {"en": 105, "fr": 14, "it": 8, "es": 7, "de": 5, "ja": 4, "ru": 3, "zh": 3, "pt": 1, "ko": 1}
)
_COUNTRIES = Shares(
    {
        "US": 16546, "GB": 2731, "IN": 1637, "CA": 1338, "FR": 1295, "JP": 992, "DE": 853,
        "ES": 531, "KR": 449, "AU": 447, "IT": 399, "MX": 350, "CN": 347, "HK": 224, "BE": 211,
        "BR": 207, "EG": 184, "TR": 178, "NG": 178, "AR": 170,
    }
)  # fmt: skip
_CERTIFICATIONS = Shares(
    {
        "": 606, "TV-MA": 62, "TV-14": 50, "R": 50, "13+": 32, "PG-13": 30, "TV-PG": 27,
        "PG": 25, "16+": 23, "ALL": 19, "18+": 19, "G": 13, "TV-G": 13, "TV-Y7": 10, "TV-Y": 8,
    }
)  # fmt: skip
_SHARED_NAMES, _POOL = 0.115, 6_000
_WITH = {
    "votes": 0.341, "tagline": 0.094, "runtime": 0.47, "keywords": 0.081, "date": 0.193,
    "language": 0.193, "country": 0.386, "show": 0.13, "overview": 0.973,
}  # fmt: skip


class WholeTitles:
    """Titles drawn by a seed, the same for a number whatever is drawn before.

    Parameters
    ----------
    count : int
        How many there are.
    seed : int
    """

    def __init__(self, count: int, seed: int = 0) -> None:
        self.count, self.seed = count, seed
        self._pool = self._pooled_names()

    def __len__(self) -> int:
        return self.count

    def __contains__(self, title: object) -> bool:
        return any(each == title for each in self)

    def __iter__(self) -> Iterator[Title]:
        for block in self.blocks():
            yield from block

    def blocks(self) -> Iterator[list[Title]]:
        """Draw the titles, :data:`BLOCK` at a time."""
        for start in range(0, self.count, BLOCK):
            yield _Block(self.seed, start // BLOCK, self._pool).titles()[: self.count - start]

    def _pooled_names(self) -> list[str]:
        draw = np.random.default_rng((self.seed, 1 << 40))
        return _names(draw, _POOL)


def _words(draw: np.random.Generator, ranks: Ranks, lengths: I64) -> list[list[str]]:
    """Draw lists of words of given lengths."""
    found = made_words.words(ranks.draw(draw, int(lengths.sum())))
    return _split(found, lengths)


def _split(values: list[str], lengths: I64) -> list[list[str]]:
    ends = list(accumulate(lengths.tolist(), initial=0))
    return [values[start:end] for start, end in pairwise(ends)]


def _names(draw: np.random.Generator, count: int) -> list[str]:
    """Draw names of titles; the last word tells something, an only word more."""
    lengths = np.array(_TITLE_WORDS.values)[_TITLE_WORDS.draw(draw, count)]
    drawn = _words(draw, _NAMES, lengths)
    last = made_words.words(_NAMES.draw(draw, count, first=_TELLING))
    alone = made_words.words(_NAMES.draw(draw, count, first=40 * _TELLING))
    return [
        " ".join([*words[:-1], telling] if len(words) > 1 else [single]).title()
        for words, telling, single in zip(drawn, last, alone, strict=True)
    ]


class _Block:
    """One block, field by field; every method draws for all of its titles."""

    def __init__(self, seed: int, number: int, pool: list[str]) -> None:
        self._draw = np.random.default_rng((seed, number))
        self._first, self._pool = number * BLOCK, pool

    def titles(self) -> list[Title]:
        """Draw the block's titles."""
        years, shows = self._years(), self._chance("show")
        dates, names = self._dates(years), self._titles()
        columns = zip(
            names, dates, years.tolist(), self._overviews(), self._taglines(), self._genres(),
            self._keywords(), self._casts(), self._directors(), self._runtimes(),
            self._codes(_LANGUAGES, "language"), self._codes(_COUNTRIES, "country"),
            self._picked(_CERTIFICATIONS), *self._popularity(), self._offers(), shows.tolist(),
            strict=True,
        )  # fmt: skip
        return [_title(self._first + at, *row) for at, row in enumerate(columns)]

    def _chance(self, field: str) -> npt.NDArray[np.bool_]:
        return self._draw.random(BLOCK) < _WITH[field]

    def _picked(self, shares: Shares) -> list[str]:
        return [shares.values[at] for at in shares.draw(self._draw, BLOCK)]  # type: ignore[misc]

    def _titles(self) -> list[str]:
        own = _names(self._draw, BLOCK)
        shared = self._draw.random(BLOCK) < _SHARED_NAMES
        # The power favours the first of the pool: some names were used ten times.
        from_pool = (self._draw.random(BLOCK) ** 1.2 * len(self._pool)).astype(int).tolist()
        return [
            self._pool[at] if pooled else name
            for name, pooled, at in zip(own, shared.tolist(), from_pool, strict=True)
        ]

    def _years(self) -> I64:
        decades = np.array(_DECADES.values)[_DECADES.draw(self._draw, BLOCK)]
        spread = self._draw.random(BLOCK)
        # The last decade is young, and the one before grew.
        within = np.where(decades == 2020, spread * 4, np.where(decades == 2010, spread**0.7 * 10,
                          spread * 10))  # fmt: skip
        return decades + within.astype(int)

    def _dates(self, years: I64) -> list[str]:
        months, days = self._draw.integers(1, 13, BLOCK), self._draw.integers(1, 29, BLOCK)
        known = self._chance("date").tolist()
        parts = zip(years.tolist(), months.tolist(), days.tolist(), known, strict=True)
        return [f"{y}-{m:02}-{d:02}" if has else "" for y, m, d, has in parts]

    def _texts(self, lengths: Quantiles, field: str) -> list[str]:
        counts = np.where(self._chance(field), lengths.draw(self._draw, BLOCK), 0).astype(int)
        drawn = _words(self._draw, _TEXT, counts)
        return [" ".join(words).capitalize() + "." if words else "" for words in drawn]

    def _overviews(self) -> list[str]:
        return self._texts(_OVERVIEW, "overview")

    def _taglines(self) -> list[str]:
        return self._texts(_TAGLINE, "tagline")

    def _genres(self) -> list[tuple[str, ...]]:
        counts = np.array(_GENRE_COUNTS.values)[_GENRE_COUNTS.draw(self._draw, BLOCK)]
        drawn = _GENRES.draw(self._draw, int(counts.sum() * 2))
        named = [str(_GENRES.values[at]) for at in drawn]
        lists = _split(named, counts * 2)
        return [
            tuple(dict.fromkeys(some))[:count]
            for some, count in zip(lists, counts.tolist(), strict=True)
        ]

    def _keywords(self) -> list[tuple[str, ...]]:
        some = np.where(self._chance("keywords"), _KEYWORDS.draw(self._draw, BLOCK), 0)
        found = made_words.words(_NAMES.draw(self._draw, int(some.astype(int).sum()), first=20))
        return [tuple(dict.fromkeys(words)) for words in _split(found, some.astype(int))]

    def _casts(self) -> list[tuple[Person, ...]]:
        sizes = _CAST.draw(self._draw, BLOCK).astype(int)
        people = made_words.people(_PEOPLE.draw(self._draw, int(sizes.sum())))
        playing = np.repeat((self._draw.random(BLOCK) < 0.8) & (sizes >= 6), sizes)
        roles = made_words.people(self._draw.integers(0, 400_000, len(people)))
        cast = [
            Person(name, role.split()[0] if plays else "")
            for name, role, plays in zip(people, roles, playing.tolist(), strict=True)
        ]
        ends = list(accumulate(sizes.tolist(), initial=0))
        return [tuple(cast[start:end]) for start, end in pairwise(ends)]

    def _directors(self) -> list[tuple[str, ...]]:
        counts = np.where(self._draw.random(BLOCK) < 0.322, 1, 0)
        counts += self._draw.random(BLOCK) < 0.03
        found = made_words.people(_PEOPLE.draw(self._draw, int(counts.sum())))
        return [tuple(names) for names in _split(found, counts)]

    def _runtimes(self) -> list[int | None]:
        minutes = _RUNTIME.draw(self._draw, BLOCK).astype(int).tolist()
        known = self._chance("runtime").tolist()
        return [value if has else None for value, has in zip(minutes, known, strict=True)]

    def _codes(self, shares: Shares, field: str) -> list[tuple[str, ...]]:
        codes, known = self._picked(shares), self._chance(field).tolist()
        return [(code,) if has else () for code, has in zip(codes, known, strict=True)]

    def _popularity(self) -> tuple[list[int], list[float | None], list[float]]:
        known = self._chance("votes")
        votes = np.where(known, _VOTES.draw(self._draw, BLOCK), 0).astype(int)
        popularity = np.where(known, _POPULARITY.draw(self._draw, BLOCK), 0.0).round(3)
        ratings = _RATING.draw(self._draw, BLOCK).round(1).tolist()
        rated = [rating if has else None for rating, has in zip(ratings, known, strict=True)]
        return votes.tolist(), rated, popularity.tolist()

    def _offers(self) -> list[tuple[Offer, ...]]:
        counts = np.array(_OFFER_COUNTS.values)[_OFFER_COUNTS.draw(self._draw, BLOCK)]
        drawn = _PROVIDERS.draw(self._draw, int(counts.sum()))
        names = _split([str(_PROVIDERS.values[at]) for at in drawn], counts)
        return [tuple(Offer(name, "US") for name in dict.fromkeys(some)) for some in names]


def _title(
    number: int, name: str, date: str, year: int, overview: str, tagline: str,
    genres: tuple[str, ...], keywords: tuple[str, ...], cast: tuple[Person, ...],
    directors: tuple[str, ...], runtime: int | None, languages: tuple[str, ...],
    countries: tuple[str, ...], certification: str, votes: int, rating: float | None,
    popularity: float, offers: tuple[Offer, ...], show: bool,
) -> Title:  # fmt: skip
    return Title(
        id=f"made:{'show' if show else 'movie'}:{number}",
        kind="show" if show else "movie",
        title=name,
        release_date=date,
        year=year,
        overview=overview,
        tagline=tagline,
        genres=genres,
        keywords=keywords,
        cast=cast,
        directors=directors,
        runtime=runtime,
        languages=languages,
        countries=countries,
        certification=certification,
        seasons=1 + number % 5 if show else None,
        rating=rating,
        votes=votes,
        popularity=popularity,
        external_ids={"imdb": f"tt{number:08}"},
        offers=offers,
        source="made",
    )
