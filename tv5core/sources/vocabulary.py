"""One vocabulary for genres, age ratings and services, whatever the source calls them.

Genres follow TMDB's display names, with its compound television genres taken
apart (``Sci-Fi & Fantasy`` is ``Science Fiction`` and ``Fantasy``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path

from tv5core.sources.values import Notes, plain, unique

__all__ = ["certification", "genre_by_tmdb_number", "genres", "provider", "provider_of_file"]

# a source's word in lower case: our genres, separated by "|"; none where it is no genre
_GENRES = """
scifi: Science Fiction; sci-fi: Science Fiction; science-fiction: Science Fiction
sci-fi & fantasy: Science Fiction|Fantasy; tv sci-fi & fantasy: Science Fiction|Fantasy
action & adventure: Action|Adventure; action-adventure: Action|Adventure
tv action & adventure: Action|Adventure; war & politics: War|Politics; soap: Soap; talk: Talk
documentation: Documentary; documentaries: Documentary; docuseries: Documentary; sport: Sports
sports movies: Sports; dramas: Drama; tv dramas: Drama; comedies: Comedy; tv comedies: Comedy
thrillers: Thriller; tv thrillers: Thriller; suspense: Thriller; tv mysteries: Mystery
mysteries: Mystery; horror movies: Horror; tv horror: Horror; crime tv shows: Crime
romantic movies: Romance; romantic tv shows: Romance; romantic comedy: Romance|Comedy
romcom: Romance|Comedy; kids' tv: Kids; kids: Kids; children: Kids
children & family movies: Family|Kids; music & musicals: Music|Musical; historical: History
biographical: Biography; biopic: Biography; animated: Animation; cartoons: Animation
adult animation: Animation; anime: Animation|Anime; anime series: Animation|Anime
anime features: Animation|Anime; military and war: War; reality tv: Reality; unscripted: Reality
noir: Film Noir; film-noir: Film Noir; film noir: Film Noir; independent movies: Independent
classic movies: Classic; classics: Classic; cult movies: Cult; classic & cult tv: Classic|Cult
teen tv shows: Teen; young adult audience: Teen; lgbtq movies: LGBTQ; lgbtq+: LGBTQ
international movies: International; international tv shows: International
british tv shows: British
korean tv shows: Korean; spanish-language tv shows: Spanish-Language; science & nature tv: Nature
animals & nature: Nature; stand up: Stand-Up|Comedy; stand-up comedy: Stand-Up|Comedy
stand-up comedy & talk shows: Stand-Up|Comedy|Talk; sketch comedy: Sketch|Comedy
sitcom: Sitcom|Comedy; late night: Talk; talk show: Talk; talk show and variety: Talk|Variety
game shows: Game Show; game show / competition: Game Show; soap opera / melodrama: Soap
spy/espionage: Spy; police/cop: Crime|Police; concert film: Concert|Music
music videos and concerts: Music|Concert; faith and spirituality: Faith & Spirituality
arts, entertainment, and culture: Arts & Culture; live action: Live Action; tv movie: TV Movie
lgbtq: LGBTQ; movies: ; tv shows: ; series: ; shows: ; special interest: ; (no genres listed):
"""
_TMDB_NUMBERS = """
28 Action, 12 Adventure, 16 Animation, 35 Comedy, 80 Crime, 99 Documentary, 18 Drama, 10751 Family,
14 Fantasy, 36 History, 27 Horror, 10402 Music, 9648 Mystery, 10749 Romance, 878 Science Fiction,
10770 TV Movie, 53 Thriller, 10752 War, 37 Western, 10759 Action & Adventure, 10762 Kids,
10763 News, 10764 Reality, 10765 Sci-Fi & Fantasy, 10766 Soap, 10767 Talk, 10768 War & Politics
"""
_MAX_CERTIFICATION = 20
_CERTIFICATIONS = {
    "ALL": "ALL",
    "ALL_AGES": "ALL",
    "AGES_16_": "16+",
    "AGES_18_": "18+",
    "16": "16+",
    "18": "18+",
    "NOT_RATE": "NR",
    "NOT RATED": "NR",
    "TV-NR": "NR",
    "UNRATED": "UR",
}
_PROVIDERS = """
netflix: netflix; amazon: amazon prime video; prime: amazon prime video; hulu: hulu
amazonprime: amazon prime video; primevideo: amazon prime video
amazonprimevideo: amazon prime video
disney: disney plus; disneyplus: disney plus; hbo: hbo max; hbomax: hbo max; max: hbo max
paramount: paramount plus; paramountplus: paramount plus; appletv: apple tv plus
appletvplus: apple tv plus; apple: apple tv plus; peacock: peacock; crunchyroll: crunchyroll
"""


def _pairs(table: str) -> dict[str, str]:
    entries = (entry for line in table.splitlines() for entry in line.split(";"))
    parts = (entry.partition(": ") for entry in entries if entry.strip())
    return {key.strip().rstrip(":"): value.strip() for key, _, value in parts}


_GENRE_WORDS = {
    key: tuple(word for word in value.split("|") if word) for key, value in _pairs(_GENRES).items()
}
_GENRE_NUMBERS = {
    int(number): name
    for number, _, name in (entry.strip().partition(" ") for entry in _TMDB_NUMBERS.split(","))
}
_SERVICES = _pairs(_PROVIDERS)
# The first letter of each word; not the one after an apostrophe.
_CAPITAL = re.compile(r"(?<![\w'\u2019])[^\W\d_]")


@functools.lru_cache(maxsize=4096)
def _genre(word: str) -> tuple[str, ...]:
    key = word.casefold()
    known = _GENRE_WORDS.get(key)
    if known is not None:
        return known
    if word != key and word != word.upper():
        return (word,)
    return (_CAPITAL.sub(lambda match: match.group().upper(), word.lower()),)


def genres(words: Iterable[str]) -> tuple[str, ...]:
    """Our names of genres; unknown ones are kept, lower-case ones in title case."""
    return unique(name for word in words for name in _genre(plain(word)) if name)


def genre_by_tmdb_number(number: object) -> str:
    """TMDB's name of a genre id, as its lists have them; empty for an unknown one."""
    return _GENRE_NUMBERS.get(number, "") if isinstance(number, int) else ""


def certification(value: str, notes: Notes | None = None) -> str:
    """Return an age rating in its usual spelling, such as ``PG-13`` or ``16+``."""
    upper = plain(value).upper()
    found = _CERTIFICATIONS.get(upper, upper)
    if len(found) <= _MAX_CERTIFICATION:
        return found
    if notes is not None:
        notes.note("certification too long", upper)
    return ""


@functools.lru_cache(maxsize=4096)
def provider(name: str) -> str:
    """Return a service's name in lower case; ``Disney+`` and the like are ``disney plus``."""
    lower = plain(name).casefold().replace("+", " plus")
    lower = " ".join(lower.replace("_", " ").replace("-", " ").split())
    return _SERVICES.get(lower.replace(" ", ""), lower)


def provider_of_file(path: Path) -> str:
    """Return the service a file such as ``amazon_prime_titles.csv`` is about."""
    stem = re.sub(r"(?i)[_\- ]*(titles|catalogue|catalog|movies|shows)$", "", path.stem)
    return provider(stem)
