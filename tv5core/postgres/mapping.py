"""A mapping: which table, and which of its columns is which field of a title; read from TOML.

::

    table = "public.films"
    updated_at = "changed_at"     # needed where the log may not be read
    id_prefix = "own:"
    [fields]
    id = "film_id"                # the table's key
    title = "name"
    genres = "genres"             # text[], jsonb, or text such as Drama|Crime
    "extra.rights" = "rights"
    [constants]
    kind = "movie"
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tv5core.errors import InvalidInputError, SchemaDriftError
from tv5core.postgres.values import EXTRA, FIELDS

__all__ = ["TableMapping", "load_mapping"]

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


class TableMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a mapping file says.

    Attributes
    ----------
    table : str
        With its schema, ``public`` where it names none.
    fields : dict of str to str
        Fields of a title to columns; ``extra.NAME`` for the catalogue's own.
    constants : dict of str to str
        Fields that are the same for all rows.
    id_prefix : str
        Before every id.
    source : str
        ``Title.source`` of all titles; what has another source is never removed.
    slot, publication : str
        Their names; made up where empty.
    updated_at : str
        Column with the time of the last change, for polling.
    deleted_at : str
        Column that is not null in rows that count as deleted.
    channel : str
        Channel on which NOTIFY names the keys of changed rows; empty listens to none.
    overlap_s : float
        Polling reads what changed within so many seconds before the newest change again, since a
        transaction may take that long to commit.
    """

    table: str
    fields: dict[str, str]
    constants: dict[str, str] = {}
    id_prefix: str = ""
    source: str = "postgres"
    slot: str = ""
    publication: str = ""
    updated_at: str = ""
    deleted_at: str = ""
    channel: str = ""
    overlap_s: float = 60.0

    @property
    def name(self) -> tuple[str, str]:
        """The table's schema and name."""
        schema, _, name = self.table.rpartition(".")
        return schema or "public", name

    @property
    def columns(self) -> list[str]:
        """All columns that are read, each once."""
        others = [name for name in (self.updated_at, self.deleted_at) if name]
        return list(dict.fromkeys([*self.fields.values(), *others]))

    @property
    def digest(self) -> str:
        """Of all that decides what a row becomes: titles made by another are made again."""
        said = msgspec.structs.replace(self, slot="", publication="", channel="", overlap_s=0)
        return hashlib.blake2b(
            msgspec.json.encode(said, order="sorted"), digest_size=16
        ).hexdigest()

    def check_columns(self, there: Mapping[str, int]) -> None:
        """Raise SchemaDriftError where a column is not there."""
        missing = [name for name in self.columns if name not in there]
        if missing:
            raise SchemaDriftError(
                f"expected columns {', '.join(missing)} in {self.table}, got "
                f"{', '.join(there)[:300]}: change the mapping or the table, then run again"
            )


def load_mapping(path: Path, extra_fields: Mapping[str, str]) -> TableMapping:
    """Read and check a mapping.

    Parameters
    ----------
    path : Path
    extra_fields : mapping of str to str
        Names and types of the catalogue's own fields.

    Raises
    ------
    InvalidInputError
        It cannot be read, names unknown fields, or lacks some.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        mapping = msgspec.convert(raw, TableMapping)
    except OSError as error:
        raise InvalidInputError(f"expected a mapping in {path}, got {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InvalidInputError(f"expected a mapping in {path}, got: {error}") from error
    _check(mapping, extra_fields)
    return mapping


def _check(mapping: TableMapping, extra_fields: Mapping[str, str]) -> None:
    known = {*FIELDS, *(EXTRA + name for name in extra_fields)}
    unknown = sorted((mapping.fields.keys() | mapping.constants.keys()) - known)
    if unknown:
        raise InvalidInputError(
            f"expected fields among {', '.join(sorted(known))}; got {', '.join(unknown)}"
        )
    empty = [field for field, column in mapping.fields.items() if not column]
    lacking = {"id", "title"} - mapping.fields.keys()
    lacking |= {"kind"} - mapping.fields.keys() - mapping.constants.keys()
    if lacking or empty:
        raise InvalidInputError(
            f"expected columns for id and title, and a column or a constant for kind; got none "
            f"for {', '.join(sorted(lacking) + empty)}"
        )
    for what in ("slot", "publication", "channel"):
        name = getattr(mapping, what)
        if name and not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"expected a {what} of lower case letters, digits and _, got {name[:80]!r}"
            )
    if not 0 <= mapping.overlap_s <= 86_400:
        raise InvalidInputError(f"expected overlap_s from 0 to 86,400, got {mapping.overlap_s}")
