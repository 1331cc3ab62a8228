"""What is recorded of the documents in a folder."""

from __future__ import annotations

import msgspec

from tv5core.catalog import Catalog
from tv5core.errors import CatalogError, FormatVersionError

__all__ = ["State", "read_state", "write_state"]

_KEY = "documents"
_VERSION = 1


class State(msgspec.Struct, frozen=True):
    """What is recorded.

    Attributes
    ----------
    version : int
    dim : int
        Width of the vectors as they were given; 0 before the first.
    fields : dict of str to str
        Types of the fields that are in the columns of all documents.
    """

    version: int = _VERSION
    dim: int = 0
    fields: dict[str, str] = {}


def read_state(catalog: Catalog) -> State | None:
    """Return what is recorded; None in a folder without documents so far.

    Raises
    ------
    CatalogError
        It has a catalogue of titles.
    FormatVersionError
        A newer tv5core wrote it.
    """
    data = catalog.checkpoint(_KEY)
    if data is None:
        if catalog.count():
            raise CatalogError(
                "expected a folder of documents, got a catalogue of titles: use its retriever"
            )
        return None
    try:
        state = msgspec.json.decode(data, type=State)
    except msgspec.MsgspecError as error:
        raise CatalogError(f"expected a folder of documents, got {error}") from error
    if state.version > _VERSION:
        raise FormatVersionError(
            f"expected documents of version {_VERSION} or less, got {state.version}"
        )
    return state


def write_state(catalog: Catalog, state: State) -> None:
    """Record it, durably."""
    catalog.add([], checkpoint=(_KEY, msgspec.json.encode(state)))
