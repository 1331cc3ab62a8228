"""The words people use for genres, services, places and languages, and what they mean here.

Tables of English words; what they lead to counts only where the catalogue has it: a
:class:`Vocabulary` joins both. A value of the catalogue that no table knows can be asked for by its
own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tv5core.analysis.words import fold

__all__ = ["Entry", "Values", "Vocabulary", "normal"]

Values = Mapping[str, Mapping[str, int]]
"""What a catalogue holds: values by field (``genre``, ``on``, ``country``, ``language``,
``certification``), and how many titles have each."""

Wanted = tuple[tuple[str, str], ...]
"""Field and value pairs of which a title needs one."""


class Entry(NamedTuple):
    """What a phrase may mean.

    Attributes
    ----------
    kind : str
        As in ``Reading.kind``.
    wanted : tuple of (tuple of (str, str))
        A title must meet all; of each, one of the pairs of field and value.
    names_titles : bool
        Whether the phrase stands for titles (``thrillers``, ``movies``), so that the words beside
        it describe some rather than name one.
    ambiguous : bool
        Whether it means something else as often (``amazon``).
    """

    kind: str
    wanted: tuple[Wanted, ...]
    names_titles: bool = False
    ambiguous: bool = False


# Phrases, then genres that must all be there; "|" separates what means the same.
_GENRES = """
science fiction|sci fi|scifi|sf: Science Fiction; romantic: Romance; love stories: Romance
romantic comedy|romcom|rom com: Romance+Comedy; animated|cartoon: Animation; anime: Anime
kids|children|childrens: Kids; family: Family; documentary|docu: Documentary; musical: Musical
western: Western; film noir|noir: Film Noir; biopic|biographical: Biography; historical: History
suspense: Thriller; scary: Horror; comedic: Comedy; sitcom: Comedy; stand up: Stand-Up; gay: LGBTQ
lgbt|lgbtq: LGBTQ; cult: Cult; war: War; sport|sports: Sports; martial arts: Martial Arts
spaghetti western: Western
"""
_STAND_IN = {"Kids": ("Kids", "Family"), "Family": ("Family", "Kids"), "Anime": ("Anime",)}
# Plurals that stand for titles. Not "wars", "horrors", "adventures": names of titles have them.
_PLURALS = """
thriller: thrillers; western: westerns; comedy: comedies; drama: dramas; romance: romances
documentary: documentaries|docs; musical: musicals; cartoon: cartoons; biopic: biopics
sitcom: sitcoms; romcom: romcoms; rom com: rom coms; spaghetti western: spaghetti westerns
romantic comedy: romantic comedies
"""
_SERIES = {"sitcom"}
_KINDS = {
    "movie": "movies|films|flicks|feature films",
    "show": "series|shows|tv shows|tv series|television series|television shows|miniseries",
}
_KIND_WORDS = {"movie": "movie|film|flick", "show": "tv show|tv"}
_PROVIDERS = """
amazon prime video: amazon|prime|prime video|amazon prime; disney plus: disney|disney +
hbo max: hbo|max; apple tv plus: apple tv|apple; paramount plus: paramount|paramount +
netflix: netflix; hulu: hulu; peacock: peacock
"""
_CLEAR_PROVIDERS = {"netflix", "hulu", "prime video", "amazon prime", "hbo max", "apple tv"}
# Nationality: countries. Languages are asked for by "in french": who speaks French in a film of
# another country does not make it French.
_NATIONALITIES = """
french: FR; italian: IT; german: DE; spanish: ES; japanese: JP; korean: KR; south korean: KR
chinese: CN,HK,TW; taiwanese: TW; hong kong: HK; russian: RU,SU; soviet: SU; british: GB
english: GB; scottish: GB; welsh: GB; irish: IE; american: US; canadian: CA; australian: AU
new zealand: NZ; indian: IN; bollywood: IN; mexican: MX; brazilian: BR; argentine: AR
argentinian: AR; chilean: CL; colombian: CO; peruvian: PE; cuban: CU; swedish: SE; danish: DK
norwegian: NO; finnish: FI; icelandic: IS; scandinavian: SE,DK,NO; nordic: SE,DK,NO,FI,IS
dutch: NL; belgian: BE; polish: PL; czech: CZ,XC; slovak: SK; hungarian: HU; romanian: RO
bulgarian: BG; greek: GR; turkish: TR; austrian: AT; swiss: CH; portuguese: PT; israeli: IL
iranian: IR; persian: IR; egyptian: EG; lebanese: LB; moroccan: MA; tunisian: TN; nigerian: NG
nollywood: NG; south african: ZA; thai: TH; vietnamese: VN; filipino: PH; philippine: PH
indonesian: ID; malaysian: MY; singaporean: SG; pakistani: PK; serbian: RS; croatian: HR
ukrainian: UA; latvian: LV; lithuanian: LT; estonian: EE; georgian: GE; kenyan: KE
"""
_RARE, _RARE_WORD = 500, 100
"""A genre that fewer than one title in so many has is no filter that people mean by a word of the
table, and by the genre's own name: sources mark few of the titles that deserve a rare one."""


def _table(text: str) -> Iterator[tuple[str, str]]:
    for entry in text.replace("\n", ";").split(";"):
        left, _, right = entry.strip().partition(": ")
        if right:
            yield left, right


def normal(text: str) -> str:
    """Return a phrase as the vocabulary has it: folded words with single spaces."""
    folded = fold(text).replace("'", "").replace("\u2019", "").replace("+", " + ")
    return " ".join("".join(c if c.isalnum() or c == "+" else " " for c in folded).split())


@dataclass(frozen=True)
class Vocabulary:
    """Phrases that a catalogue's values give a meaning to.

    Attributes
    ----------
    entries : dict of str to tuple of Entry
        By normal form, see :func:`normal`; most usual meaning first.
    countries, languages : frozenset of str
        Codes that the catalogue's titles have.
    longest : int
        Words in the longest phrase.
    """

    entries: dict[str, tuple[Entry, ...]]
    countries: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    longest: int = 1

    @classmethod
    def of(cls, values: Values, titles: int) -> Vocabulary:
        """Join the tables with what a catalogue of so many titles holds."""
        found: dict[str, tuple[Entry, ...]] = {}
        places = frozenset(values.get("country", ())), frozenset(values.get("language", ()))
        for phrase, entry in (
            *_kinds(),
            *_nationalities(places[0]),
            *_providers(values.get("on", {})),
            *_genres(values.get("genre", {}), titles),
            *_certifications(values.get("certification", {})),
        ):
            found[phrase] = (*found.get(phrase, ()), entry)
        return cls(
            found,
            *places,
            max((phrase.count(" ") + 1 for phrase in found), default=1),
        )


def _kinds() -> Iterator[tuple[str, Entry]]:
    for kind, phrases in _KINDS.items():
        for phrase in phrases.split("|"):
            yield phrase, Entry("kind", ((("kind", kind),),), names_titles=True)
    for kind, phrases in _KIND_WORDS.items():
        for phrase in phrases.split("|"):
            yield phrase, Entry("kind", ((("kind", kind),),))


def _nationalities(countries: frozenset[str]) -> Iterator[tuple[str, Entry]]:
    for phrase, codes in _table(_NATIONALITIES):
        wanted = tuple(("country", code) for code in codes.split(",") if code in countries)
        if wanted:
            yield phrase, Entry("place", (wanted,))


def _providers(known: Mapping[str, int]) -> Iterator[tuple[str, Entry]]:
    names = {target: phrases.split("|") for target, phrases in _table(_PROVIDERS)}
    for target in known:
        own = normal(target)
        clear = _CLEAR_PROVIDERS | ({own} if " " in own else set())
        for phrase in dict.fromkeys((own, *map(normal, names.get(target, ())))):
            wanted = ((("on", target),),)
            yield phrase, Entry("provider", wanted, ambiguous=phrase not in clear)


def _genres(known: Mapping[str, int], titles: int) -> Iterator[tuple[str, Entry]]:
    usual = {name for name, count in known.items() if count * _RARE >= titles}
    frequent = (name for name in usual if known[name] * _RARE_WORD >= titles)
    meanings: dict[str, tuple[str, ...]] = {normal(name): (name,) for name in frequent}
    for phrases, meaning in _table(_GENRES):
        meanings |= dict.fromkeys(phrases.split("|"), tuple(meaning.split("+")))
    plurals = {singular: several.split("|") for singular, several in _table(_PLURALS)}
    for phrase, names in meanings.items():
        wanted = tuple(_any_genre(name, usual) for name in names)
        if not all(wanted):
            continue
        if phrase in _SERIES:
            wanted = (*wanted, (("kind", "show"),))
        yield phrase, Entry("genre", wanted)
        for plural in plurals.get(phrase, ()):
            yield plural, Entry("genre", wanted, names_titles=True)


def _any_genre(name: str, usual: set[str]) -> Wanted:
    return tuple(("genre", one) for one in _STAND_IN.get(name, (name,)) if one in usual)


def _certifications(known: Mapping[str, int]) -> Iterator[tuple[str, Entry]]:
    for value in known:
        phrase, wanted = normal(value), ((("certification", value),),)
        clear = any(map(str.isdigit, phrase)) and any(map(str.isalpha, phrase))
        if phrase and not phrase.isdigit():
            yield phrase, Entry("certification", wanted, ambiguous=not clear)
            yield f"{phrase} rated", Entry("certification", wanted)
            yield f"rated {phrase}", Entry("certification", wanted)
