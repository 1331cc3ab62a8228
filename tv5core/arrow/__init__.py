"""Titles as Arrow tables: from pyarrow, polars, pandas and DuckDB, and to them.

``schema``
    The Arrow type of each field of a title. Start here.
``columns``
    Which column of a given table is which field, and all that is wrong with its schema.
``cells``
    What a cell becomes in a title.
``reading``
    Titles and vectors of a table, batch by batch.
``writing``
    Tables of titles and of hits.

Tables are exchanged by the Arrow PyCapsule interface, so that nothing here knows the library that
made one. It needs pyarrow: ``pip install tv5core[arrow]``; nothing else in tv5core imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tv5core.errors import InvalidInputError

__all__ = ["load_library"]

_EXTRAS = {"pyarrow": "tv5core[arrow]"}


def load_library(name: str) -> Any:
    """Import a library of tables, or say how to install it.

    Raises
    ------
    InvalidInputError
        It is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        install = _EXTRAS.get(name, name)
        raise InvalidInputError(
            f"expected {name} for tables, got none: pip install '{install}'"
        ) from None
