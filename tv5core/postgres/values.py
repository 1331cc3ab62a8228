"""From a row's values, which are text or null, to a title."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tv5core.extra_fields import extra_fault, is_date
from tv5core.types import Title

__all__ = ["EXTRA", "FIELDS", "Rejected", "RowReader", "parse_array"]

EXTRA = "extra."
FIELDS = tuple(name for name in Title.__struct_fields__ if name not in ("extra", "source"))
_LISTS = {"genres", "keywords", "languages", "countries", "directors", "creators"}
_OBJECTS = {
    "cast": "name",
    "offers": "provider",
    "alternative_titles": "title",
    "collection": "id",
}
_FILMS = {"movie", "film", "feature", "short", "video", "documentary"}
_SHOWS = {"show", "tv", "series", "tv series", "tv show", "tvseries", "tvminiseries"}
_MARKS = "|;,"
_JSON = {114, 3802}
# Arrays of text, varchar, bpchar, name, numbers; other arrays are known by their braces alone.
_ARRAYS = {1009, 1015, 1014, 1003, 1005, 1007, 1016, 1231}
_BOUNDS = {"year": (1, 9_999), "runtime": (0, 10**6), "seasons": (0, 10**5), "rating": (0, 10)}
_COUNTS = ("votes", "updated_at", "popularity")
_MAX_ID = 256
_MAX_TEXT = 65_536
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)')


class Rejected(Exception):  # noqa: N818
    """A row is no title; the message says why."""


class RowReader:
    """Makes titles of rows with these columns.

    Parameters
    ----------
    fields : mapping of str to str
        Fields to columns.
    constants : mapping of str to str
    columns : sequence of (str, int)
        Columns in the order in which values come, with the numbers of their types.
    extra_fields : mapping of str to str
        Types of the catalogue's own fields.
    prefix, source : str
        Before each id; of each title.
    """

    def __init__(
        self,
        fields: Mapping[str, str],
        constants: Mapping[str, str],
        columns: Sequence[tuple[str, int]],
        extra_fields: Mapping[str, str],
        *,
        prefix: str = "",
        source: str = "postgres",
    ) -> None:
        place = {name: (number, kind) for number, (name, kind) in enumerate(columns)}
        self._plan: list[tuple[str, int, Callable[[str], Any]]] = [
            (field, place[column][0], _reader(field, place[column][1], extra_fields))
            for field, column in fields.items()
            if field != "id"
        ]
        self._key = place[fields["id"]][0]
        self._extra, self._prefix = extra_fields, prefix
        read = {field: _reader(field, 25, extra_fields)(text) for field, text in constants.items()}
        self._base = {"source": source, **read}

    def id_of(self, values: Sequence[str | bytes | None]) -> str:
        """Return the id of a row, of which only the key need be known.

        Raises
        ------
        Rejected
            It has none.
        """
        key = values[self._key]
        if not isinstance(key, str) or not key:
            raise Rejected("id: expected a value, got none")
        return self._prefix + key

    def title(self, values: Sequence[str | bytes | None], old: Title | None = None) -> Title:
        """Return the title of a row; what an update left unchanged is as in the old one.

        Raises
        ------
        Rejected
            A value cannot be what its field needs.
        """
        made: dict[str, Any] = {**self._base, "id": self.id_of(values)}
        for field, place, read in self._plan:
            value = values[place]
            if isinstance(value, str):
                made[field] = _read(read, field, value)
            elif value is not None and old is not None:
                made[field] = _field_of(old, field)
        return self._checked(made)

    def _checked(self, made: dict[str, Any]) -> Title:
        extra = {name[len(EXTRA) :]: made.pop(name) for name in [*made] if name.startswith(EXTRA)}
        made["extra"] = {name: value for name, value in extra.items() if value is not None}
        for name, value in made["extra"].items():
            if fault := extra_fault(value, self._extra[name]):
                raise Rejected(f"{EXTRA}{name}: {fault}")
        try:
            title = msgspec.convert(made, Title, strict=False)
        except (msgspec.ValidationError, ValueError) as error:
            raise Rejected(str(error)) from None
        if fault := _fault(title):
            raise Rejected(fault)
        if title.year is None and title.release_date:
            return msgspec.structs.replace(title, year=int(title.release_date[:4]))
        return title


def _field_of(title: Title, field: str) -> Any:
    if field.startswith(EXTRA):
        return title.extra.get(field[len(EXTRA) :])
    return getattr(title, field)


def _read(read: Callable[[str], Any], field: str, value: str) -> Any:
    try:
        return read(value)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{field}: {error}"[:200]) from None


def _fault(title: Title) -> str:
    size = len(title.id.encode("utf-8", "replace"))
    if not 0 < size <= _MAX_ID or not title.id.isprintable():
        return f"id: expected 1 to {_MAX_ID} printable bytes, got {size}"
    if not title.title.strip():
        return "title: expected text, got an empty value"
    if len(title.overview) > _MAX_TEXT:
        return f"overview: expected at most {_MAX_TEXT} characters, got {len(title.overview)}"
    for name, (low, high) in _BOUNDS.items():
        value = getattr(title, name)
        if value is not None and not low <= value <= high:
            return f"{name}: expected {low} to {high}, got {value}"
    for name in _COUNTS:
        if not 0 <= getattr(title, name) <= 2**53:
            return f"{name}: expected 0 to 2**53, got {getattr(title, name)}"
    return ""


# -- values -------------------------------------------------------------------------------


def _reader(field: str, oid: int, extra_fields: Mapping[str, str]) -> Callable[[str], Any]:
    if field.startswith(EXTRA):
        return _EXTRA_READERS[extra_fields[field[len(EXTRA) :]]](oid)
    if field in _LISTS:
        return _listed(oid)
    if field in _OBJECTS:
        return _objects(field, oid)
    if field == "external_ids":
        return msgspec.json.decode
    return _READERS.get(field, str)


def _listed(oid: int) -> Callable[[str], Any]:
    if oid in _JSON:
        return msgspec.json.decode
    return parse_array if oid in _ARRAYS else _words


def _words(text: str) -> list[str]:
    """Read a list as people write it: JSON, an array of another type, or ``Drama|Crime``."""
    if text.startswith("["):
        return list(msgspec.json.decode(text))
    if text.startswith("{") and text.endswith("}"):
        return parse_array(text)
    mark = next((m for m in _MARKS if m in text), ",")
    return [word.strip() for word in text.split(mark) if word.strip()]


def _objects(field: str, oid: int) -> Callable[[str], Any]:
    key, read = _OBJECTS[field], _listed(oid)

    def objects(text: str) -> Any:
        if field == "collection":
            found = msgspec.json.decode(text) if oid in _JSON else text
            return {key: f"name:{found}", "name": found} if isinstance(found, str) else found
        return [{key: one} if isinstance(one, str) else one for one in read(text)]

    return objects


def parse_array(text: str) -> list[str]:
    """Read an array of one dimension as PostgreSQL writes it; nulls are left out.

    Raises
    ------
    ValueError
        It is no such array.
    """
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError(f"expected an array such as {{a,b}}, got {text[:40]!r}")
    found = []
    for quoted, bare in _ELEMENT.findall(text[1:-1]):
        if bare and bare != "NULL":
            found.append(bare)
        elif not bare:
            found.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
    return found


def _kind(text: str) -> str:
    word = text.strip().casefold()
    if word in _FILMS or word in _SHOWS:
        return "movie" if word in _FILMS else "show"
    raise ValueError(f"expected movie or show, got {text[:40]!r}")


def _flag(text: str) -> bool:
    known = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
    if text not in known:
        raise ValueError(f"expected a truth value, got {text[:40]!r}")
    return known[text]


def _seconds(text: str) -> int:
    """Read seconds since 1970, or a time."""
    if text.isdigit():
        return int(text)
    when = datetime.fromisoformat(text)
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


def _date(text: str) -> str:
    if not is_date(text[:10]):
        raise ValueError(f"expected a date such as 2010-07-16, got {text[:40]!r}")
    return text[:10]


_READERS: dict[str, Callable[[str], Any]] = {
    "kind": _kind,
    "adult": _flag,
    "updated_at": _seconds,
    "release_date": _date,
}
_EXTRA_READERS: dict[str, Callable[[int], Callable[[str], Any]]] = {
    "keyword": lambda _: str,
    "text": lambda _: str,
    "keywords": lambda oid: lambda text: tuple(_listed(oid)(text)),
    "int": lambda _: int,
    "float": lambda _: float,
    "bool": lambda _: _flag,
    "date": lambda _: _date,
}
