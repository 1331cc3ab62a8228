"""Values of the catalogue's own fields in files: those declared, with the types declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tv5core.extra_fields import extra_fault, is_date
from tv5core.importers.base import Context
from tv5core.sources.lists import names
from tv5core.sources.numbers import number
from tv5core.sources.values import text, unique
from tv5core.types import ExtraValue

__all__ = ["EXTRA", "TRUE_WORDS", "declared_extra", "extra_of_texts"]

EXTRA = "extra."
"""Before the name of a catalogue's own field in a mapping."""
TRUE_WORDS = {"true", "yes", "1", "y", "t"}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_FALSE_WORDS = {"false", "no", "0", "n", "f"}


def declared_extra(given: Mapping[str, ExtraValue], context: Context) -> dict[str, ExtraValue]:
    """Keep the values of declared fields that have their types; note the others."""
    found: dict[str, ExtraValue] = {}
    for name, value in given.items():
        kind = context.options.extra_fields.get(name)
        if kind is None:
            context.note("extra field not declared", name)
        elif extra_fault(value, kind):
            context.note(f"extra {name}: no {kind}", str(value))
        else:
            found[name] = value
    return found


def extra_of_texts(values: Mapping[str, str], context: Context) -> dict[str, ExtraValue]:
    """Read the values of mapped columns by the types declared; note those that cannot be."""
    found: dict[str, ExtraValue] = {}
    for name, kind in context.options.extra_fields.items():
        raw = text(values.get(EXTRA + name), context)
        if not raw:
            continue
        value = _READERS[kind](raw, context)
        if value is None or extra_fault(value, kind):
            context.note(f"extra {name}: no {kind}", raw)
        else:
            found[name] = value
    return found


def _keywords(raw: str, context: Context) -> tuple[str, ...]:
    mark = next((m for m in "|;," if m in raw), ",")
    return unique(names(raw, context, separators=mark, what="keywords"))


def _int(raw: str, _: Context) -> int | None:
    if _WHOLE.fullmatch(raw):
        return int(raw)
    value = number(raw)
    return int(value) if value is not None and value == int(value) else None


def _bool(raw: str, _: Context) -> bool | None:
    word = raw.casefold()
    return True if word in TRUE_WORDS else False if word in _FALSE_WORDS else None


def _date(raw: str, context: Context) -> str | None:
    return raw if is_date(raw) else context.dates(raw, context)[0] or None


_READERS: Mapping[str, Callable[[str, Context], ExtraValue | None]] = {
    "keyword": lambda raw, _: raw,
    "keywords": _keywords,
    "int": _int,
    "float": lambda raw, _: number(raw),
    "bool": _bool,
    "date": _date,
    "text": lambda raw, _: raw,
}
