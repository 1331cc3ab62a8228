"""Names as they are compared: without case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["folded", "words"]

_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ł": "l",
        "\u0131": "i",
        "đ": "d",
        "½": " 1/2",
        "⅓": " 1/3",
    }
)
_APART = re.compile(r"[^\w]+|_")


def words(text: str) -> list[str]:
    """Split a name into words without case, accents and punctuation.

    Signs inside a word go without a gap where they are apostrophes, so that ``Schindler's`` is one
    word; every other sign is a gap.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    plain = plain.replace("'", "").replace("\u2019", "").replace("&", " and ")
    return [word for word in _APART.split(unicodedata.normalize("NFC", plain)) if word]


def folded(text: str) -> str:
    """Return a name as it is compared: its :func:`words` with single blanks."""
    return " ".join(words(text))
