"""Names of titles and people, reduced to what different spellings have in common."""

from __future__ import annotations

import functools
import unicodedata

__all__ = ["fold", "normalise_name"]

# "&" is a word, apostrophes are nothing, every other mark parts words.
_MARKS = str.maketrans({"&": " and ", "'": "", "`": "", "\u2018": "", "\u2019": ""})
_ASCII = {**{n: " " for n in range(128) if not chr(n).isalnum()}, **_MARKS}
# Letters that carry no combining mark and so survive decomposition.
_PLAIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "\u0131": "i"}
)


def _plain_unicode(text: str) -> str:
    out: list[str] = []
    for c in unicodedata.normalize("NFKD", text).translate(_PLAIN):
        if unicodedata.category(c)[0] in "LNM":
            # Only Latin, Greek and Cyrillic accents go; elsewhere marks are letters to a reader.
            if not "\u0300" <= c <= "\u036f":
                out.append(c)
        else:
            out.append(" ")
    return unicodedata.normalize("NFC", "".join(out))


@functools.lru_cache(maxsize=65536)
def normalise_name(text: str) -> str:
    """Reduce a title to what different catalogues agree on.

    Lower case, no accents, ``&`` as "and", apostrophes dropped, every other
    punctuation mark a space.

    Parameters
    ----------
    text : str
        A title, such as ``"Pokémon: The Movie"``.

    Returns
    -------
    str
        Words with single spaces, such as ``"pokemon the movie"``; empty when
        the text has neither letters nor digits.
    """
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    text = unicodedata.normalize("NFKD", text).casefold().translate(_MARKS)
    return " ".join(_plain_unicode(text).split())


@functools.lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Fold case, width, accents and spaces of a value; marks such as ``+`` stay.

    Parameters
    ----------
    text : str
        A value of a field, such as ``"PG-13"`` or ``"Bogotá"``.

    Returns
    -------
    str
        Such as ``"pg-13"`` or ``"bogota"``.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded, before = _folded(text), text
    while folded != before:  # a decomposed letter may have a fold of its own
        folded, before = _folded(folded), folded
    return folded


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKD", text).casefold().translate(_PLAIN)
    kept = "".join(c for c in text if not "\u0300" <= c <= "\u036f")
    return " ".join(unicodedata.normalize("NFC", kept).split())
