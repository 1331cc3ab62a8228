"""A tolerant parser for lists as Python, NumPy, pandas and Java print them.

It knows strings (with the prefixes ``u``, ``b`` and ``r``), numbers with signs and exponents,
``nan``, ``inf``, ``None`` and the constants of Python and JSON, lists, tuples, sets, dictionaries,
``array([...], dtype=object)``, ``np.str_('x')`` and words without quotes (``[Drama, War]``). As
NumPy puts no comma between elements, two values with blanks between them are two elements. Nothing
is evaluated: there are no names or operators, and of calls that are not known, such as
``datetime.date(2001, 2, 3)``, the value is None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["MAX_LITERAL", "LiteralError", "parse_literal"]

MAX_LITERAL = 256 << 10
"""Longest literal that is read, in characters."""

_MAX_DEPTH = 32
_MAX_DIGITS = 18
# The quantifiers are possessive, so that no text takes more than one pass.
_TOKEN = re.compile(
    r"(?P<blank>\s++)"
    r"|(?P<string>[uUbBrR]{0,2}(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\"))"
    r"|(?P<number>[+-]?(?:[0-9]++(?:\.[0-9]*+|[lL])?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?![\w.+-]))"
    r"|(?P<constant>(?:[+-]?(?:nan|NaN|inf|Infinity)|None|null|NULL|NaT|True|true|False|false)"
    r"(?=\s*+(?:[,:\]})'\"\[({+.0-9-]|$|(?:nan|NaN|inf|None|True|False)\b)))"
    r"|(?P<more>\.\.\.)"
    r"|(?P<call>[A-Za-z_][A-Za-z0-9_.]*+\()"
    r"|(?P<mark>[\[\](){},:])"
    r"|(?P<word>[^\W\d_](?:[^\[\](){},:\"=\\\r\n]*[^\[\](){},:\"=\\\s])?(?=\s*+[,\]})]))",
    re.DOTALL,
)
# Calls that print a list or a value as it is; others are values that are not known here.
_WRAPPERS = re.compile(
    r"(?:np\.|numpy\.)?(?:array|(?:str|bytes|bool|float\d*|u?int\d*)_?|frozenset|set|list|tuple"
    r"|Index|deque|dict_keys|dict_values|odict_keys|odict_values|Decimal)\("
)
_CALL_OPTION = re.compile(r"\s*\w+\s*=\s*(?:'[^']*'|\"[^\"]*\"|[\w.<]+)\s*(?=[,)])")
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|\n|.)", re.DOTALL
)
_SIMPLE = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "/": "/", "\n": "",
}  # fmt: skip


class LiteralError(ValueError):
    """The text is not a list of the kinds this module knows."""


def parse_literal(text: str) -> Any:
    """Return the value of a literal.

    Parameters
    ----------
    text : str
        At most ``MAX_LITERAL`` characters.

    Returns
    -------
    object
        Lists for lists, tuples, sets and arrays; dictionaries, strings, numbers, booleans; None
        for ``nan``, infinities and all words for "nothing"; ``...`` for NumPy's sign that it left
        elements out.

    Raises
    ------
    LiteralError
        The text is too long, nested too deeply, or something else than a literal.
    """
    if len(text) > MAX_LITERAL:
        raise LiteralError(f"expected at most {MAX_LITERAL} characters, got {len(text)}")
    parser = _Parser(text)
    value = parser.value(0)
    parser.skip_blank()
    if parser.at != len(text):
        raise parser.wrong("the end")
    return value


class _Parser:
    """A text and the position reached in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.kind = ""

    def wrong(self, expected: str) -> LiteralError:
        got = self.text[self.at : self.at + 20]
        return LiteralError(f"expected {expected} at character {self.at}, got {got!r}")

    def skip_blank(self) -> bool:
        """Skip blanks; return whether there were any."""
        before = self.at
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at > before

    def passes(self, mark: str) -> bool:
        """Skip a mark if it is next; return whether it was."""
        self.skip_blank()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def value(self, depth: int) -> Any:
        """Parse one value."""
        self.skip_blank()
        found = _TOKEN.match(self.text, self.at)
        if found is None or depth > _MAX_DEPTH:
            raise self.wrong("a value")
        kind, token = found.lastgroup or "", found.group()
        if kind == "mark" and token not in _CLOSING:
            raise self.wrong("a value")
        self.at = found.end()
        value = self.inside(token, depth) if kind in ("mark", "call") else _SCALARS[kind](token)
        self.kind = kind
        return value

    def inside(self, opening: str, depth: int) -> Any:
        """Parse what is inside a bracket or a call."""
        if opening == "{":
            return self.dictionary_or_set(depth)
        return self.items(opening, depth) if opening in _CLOSING else self.call(opening, depth)

    def items(self, opening: str, depth: int) -> list[Any]:
        """Parse elements up to the closing bracket."""
        found: list[Any] = []
        before = ""
        while not self.passes(_CLOSING[opening]):
            found.append(self.value(depth + 1))
            if before and "word" in (before, self.kind):
                raise self.wrong("a comma between words")
            before = "" if self.ends_element(_CLOSING[opening]) else self.kind
        return found

    def ends_element(self, closing: str) -> bool:
        """Skip a comma or the blanks between NumPy's elements; return whether it was a comma."""
        parted = self.skip_blank()
        if self.passes(","):
            return True
        if not parted and not self.text.startswith(closing, self.at):
            # Two adjacent strings: most likely a quotation mark written twice.
            raise self.wrong("a comma")
        return False

    def dictionary_or_set(self, depth: int) -> Any:
        """Parse what is in braces: pairs, or elements alone."""
        if self.passes("}"):
            return {}
        start = self.at
        self.value(depth + 1)
        paired = self.passes(":")
        self.at = start
        return self.pairs(depth) if paired else self.items("{", depth)

    def pairs(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while not self.passes("}"):
            key = self.value(depth + 1)
            if not isinstance(key, Hashable) or not self.passes(":"):
                raise self.wrong("a key and a colon")
            found[key] = self.value(depth + 1)
            if not self.passes(",") and not self.text.startswith("}", self.at):
                raise self.wrong("a comma")
        return found

    def call(self, name: str, depth: int) -> Any:
        """Pass the inside of ``array(...)`` and the like: values, then options."""
        found: list[Any] = []
        while not self.passes(")"):
            if option := _CALL_OPTION.match(self.text, self.at):
                self.at = option.end()
            else:
                found.append(self.value(depth + 1))
            if not self.passes(",") and not self.text.startswith(")", self.at):
                raise self.wrong("a closing bracket")
        if name == "OrderedDict(":
            return _from_pairs(found[0] if found else [])
        if not _WRAPPERS.fullmatch(name):
            return None
        return found[0] if found else []


def _from_pairs(pairs: Any) -> dict[Any, Any] | None:
    """Make a dictionary of pairs; None where they are none."""
    if isinstance(pairs, dict):
        return pairs
    whole = isinstance(pairs, list) and all(isinstance(p, list) and len(p) == 2 for p in pairs)
    return {key: value for key, value in pairs if isinstance(key, Hashable)} if whole else None


def _string(token: str) -> str:
    prefix, _, inside = token[:-1].partition(token[-1])
    if "\\" not in inside or "r" in prefix.casefold():
        return inside
    text = _ESCAPE.sub(_unescaped, inside)
    if "b" in prefix.casefold():
        return text.encode("latin-1", "replace").decode("utf-8", "replace")
    # JSON writes characters beyond U+FFFF as two surrogates.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(found: re.Match[str]) -> str:
    body = found.group()[1:]
    if body in _SIMPLE:
        return _SIMPLE[body]
    if body[0] in "xuU" and len(body) > 1:
        code = int(body[1:], 16)
        return chr(code) if code < 0x11_0000 else "\ufffd"
    return chr(int(body, 8)) if body[0] in "01234567" else found.group()


def _number(token: str) -> int | float | None:
    token = token.rstrip("lL")
    digits = token.lstrip("+-")
    if digits.isdecimal() and len(digits) <= _MAX_DIGITS:
        return int(token)
    value = float(token)
    return value if math.isfinite(value) else None


def _constant(token: str) -> bool | None:
    return token.casefold() == "true" if token.casefold() in ("true", "false") else None


_SCALARS: dict[str, Callable[[str], Any]] = {
    "string": _string,
    "number": _number,
    "constant": _constant,
    "more": lambda _: ...,
    "word": lambda token: token,
}
