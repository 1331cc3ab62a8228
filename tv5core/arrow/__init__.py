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

from typing import Any

from tv5core.errors import InvalidInputError

__all__ = ["load_pyarrow"]


def load_pyarrow() -> Any:
    """Import pyarrow, or say how to install it.

    Raises
    ------
    InvalidInputError
        It is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise InvalidInputError(
            "expected pyarrow for Arrow tables, got none: pip install 'tv5core[arrow]'"
        ) from None
    return pa
