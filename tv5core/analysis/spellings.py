"""The forms of one folded word: other scripts in Latin, numbers as digits, digits as letters.

A document is indexed under all forms of its words, at the same position. A query looks one of them
up, the one that all others lead to (:func:`looked_up`), so that "rocky 2", "Rocky II" and "rocky
two" meet, as "сталкер" and "Stalker" do.
"""

from __future__ import annotations

import re

from tv5core.analysis.scripts import fold_word

__all__ = ["NUMBERS", "compared", "forms", "looked_up", "number_of", "romanized"]

NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
}
"""Numbers written as words, and their digits."""
_ROMAN = {
    word: str(value)
    for value, word in enumerate(
        "ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx".split(), 2
    )
}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_HAS_UMLAUT = re.compile("[äöüøå]")
# Greek, Cyrillic, Armenian, Hebrew, Arabic, Georgian, Hangul: scripts of letters. Of Han and kana
# the romanization would be that of the wrong language half of the time.
_ROMANIZED = re.compile("[\u0370-\u05ff\u0600-\u06ff\u10a0-\u10ff\uac00-\ud7af]")
# Written without vowels: what anyascii makes of them is not what people type.
_CONSONANTS = re.compile("[\u0590-\u06ff]")
_MIXED = re.compile(r"([a-z]+)(\d+)([a-z]+)")
_LEET = str.maketrans("013457$@", "oieastsa")
_LETTERS_IN_DIGITS = re.compile(r"(?<=[a-z])[013457$@]+(?=[a-z])")


def forms(word: str) -> list[str]:
    """Return the forms of a normalised word, the folded one first, each once.

    Examples
    --------
    >>> forms("seven"), forms("thir13en"), forms("ii"), forms("müller")
    (['seven', '7'], ['thir13en', 'thirteen', '13'], ['ii', '2'], ['muller', 'mueller'])
    >>> forms("сталкер")
    ['сталкер', 'stalker']
    """
    folded = fold_word(word)
    found = [folded]
    if not word.isascii():
        if _HAS_UMLAUT.search(word):
            found.append(fold_word(word.translate(_UMLAUTS)))
        found.append(romanized(word))
    elif not word.isalpha():
        found.append(_without_digits(word))
    found += [number_of(form) for form in found]
    return list(dict.fromkeys(form for form in found if form))


def looked_up(word: str) -> str:
    """Return the form of a normalised word that a query looks up.

    Examples
    --------
    >>> looked_up("seven"), looked_up("Léon".lower()), looked_up("терминатор"), looked_up("v")
    ('7', 'leon', 'terminator', 'v')
    """
    if len(word) == 1 and word.isascii():
        return word
    if not word.isascii():
        return _in_latin(word)
    return number_of(_without_digits(word)) or number_of(word) or word


def compared(word: str) -> str:
    """Return the form of a normalised word by which whole titles are compared.

    As :func:`looked_up`, but digits that look like letters are letters.

    Examples
    --------
    >>> compared("m3gan"), compared("se7en"), compared("2012")
    ('megan', '7', '2012')
    """
    if not word.isascii():
        return _in_latin(word)
    plain = "" if word.isalpha() else _without_digits(word)
    return number_of(plain) or plain or word


def number_of(word: str) -> str:
    """Return the digits of a number written as a word or in Roman numerals; else an empty string.

    "i" is a word, not a number.
    """
    return NUMBERS.get(word) or _ROMAN.get(word) or ""


def romanized(word: str) -> str:
    """Return a word of another script of letters in Latin letters, or an empty string."""
    if not _ROMANIZED.search(word):
        return ""
    from anyascii import anyascii

    return "".join(c for c in anyascii(word).lower() if c.isalnum())


def _in_latin(word: str) -> str:
    return (not _CONSONANTS.search(word) and romanized(word)) or fold_word(word)


def _without_digits(word: str) -> str:
    """Return the word that digits among letters stand for, or an empty string.

    Digits may name the number whose word they are in ("se7en", "thir13en") or look like the
    letters they replace ("fant4stic", "m3gan").
    """
    mixed = _MIXED.fullmatch(word)
    if mixed:
        before, digits, after = mixed.groups()
        for number, value in NUMBERS.items():
            if value == digits and number.startswith(before) and number.endswith(after):
                return number
    replaced = _LETTERS_IN_DIGITS.sub(lambda match: match.group().translate(_LEET), word)
    return replaced if replaced != word and replaced.isalpha() else ""
