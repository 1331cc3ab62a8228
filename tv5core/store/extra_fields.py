"""The declaration of a catalogue's own fields, in its record."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tv5core.errors import InvalidInputError
from tv5core.extra_fields import united_declarations
from tv5core.store.store import Store
from tv5core.types import ExtraType

__all__ = ["declare_extra_fields"]


def declare_extra_fields(store: Store, given: Mapping[str, ExtraType]) -> None:
    """Declare fields that are new to a catalogue.

    Raises
    ------
    InvalidInputError
        One is declared with another type, or is new and the store is open for reading.
    """
    before = store.meta.extra_fields
    if (fields := united_declarations(before, given)) == before:
        return
    if not store.writable:
        new = ", ".join(sorted(fields.keys() - before.keys()))
        raise InvalidInputError(
            f"expected extra fields that are declared already, got {new}: a writer declares them"
        )
    store.write(lambda _, meta: (msgspec.structs.replace(meta, extra_fields=fields), None))
