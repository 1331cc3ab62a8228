"""A catalogue's titles as Arrow tables, in and out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt

from tv5core.arguments import check_flag, check_type, shown
from tv5core.arrow import load_library
from tv5core.catalog.copies.table_files import read_table
from tv5core.catalog.recommendations import RecommendingCatalog
from tv5core.catalog.writer import AddResult, Checkpoint
from tv5core.errors import InvalidInputError
from tv5core.types import Progress, Title

__all__ = ["TableCatalog"]


class TableCatalog(RecommendingCatalog):
    """The part of a catalogue that takes and gives tables."""

    @abstractmethod
    def add(
        self,
        titles: Iterable[Title],
        vectors: npt.ArrayLike | None = None,
        *,
        embed: bool = True,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> AddResult:
        """Store titles."""

    def add_table(
        self,
        table: object,
        *,
        columns: Mapping[str, str | None] | None = None,
        vectors: str | None = None,
        kind: str | None = None,
        embed: bool = True,
        progress: Progress | None = None,
    ) -> AddResult:
        """Store the titles of a table, as :meth:`add` stores titles.

        The schema is checked before anything is written; then each 10,000 rows are stored as a
        whole or not at all.

        Parameters
        ----------
        table : object with ``__arrow_c_stream__``, mapping, or sequence of mappings
            A table of pyarrow, polars, pandas or DuckDB; columns by name; or rows as dicts. A
            column holds the field of a title with its name (``id``, ``title``, ``genres``: a list;
            ``cast``: a list of names or of structures), or one of the catalogue's own.
        columns : mapping of str to (str or None), optional
            Fields of columns that are named otherwise; None leaves a column out.
        vectors : str, optional
            The column of ready vectors: a fixed-size list of float32, which is not copied, or
            other lists of numbers.
        kind : {"movie", "show"}, optional
            What all titles are, where no column ``kind`` says so.
        embed : bool
            As for :meth:`add`.
        progress : callable, optional
            Called with (done, total, stage) after each 1,000 titles; total is what is read so far.

        Returns
        -------
        AddResult

        Raises
        ------
        InvalidInputError
            pyarrow is missing (``pip install 'tv5core[arrow]'``); columns are wrong, the message
            lists all of them; a value is wrong, the message says in which row. The titles of the
            batches before it are stored.
        DimensionError, NonFiniteVectorError, ZeroVectorError, DuplicateKeyError
        EmbedderMismatchError, DiskFullError, DiskFailureError
            As for :meth:`add`.
        """
        self._check_writable(progress)
        check_type("kind", kind, (str, type(None)))
        if kind not in (None, "movie", "show"):
            raise InvalidInputError(f"expected kind 'movie' or 'show', got {shown(kind)}")
        check_type("vectors", vectors, (str, type(None)))
        check_flag("embed", embed)
        load_library("pyarrow")
        from tv5core.arrow.columns import match_columns
        from tv5core.arrow.reading import batches_of, open_table

        reader, own = open_table(table), self.extra_fields
        layout = match_columns(reader.schema, own, columns=columns, vectors=vectors, kind=kind)
        result, done = AddResult(), 0
        for titles, matrix in batches_of(reader, layout):
            if titles:
                result += self.add(titles, matrix, embed=embed, progress=_after(done, progress))
                done += len(titles)
        return result

    def to_arrow(self, *, vectors: bool = False, progress: Progress | None = None) -> Any:
        """Return all titles as a ``pyarrow.Table``, as they are at one moment.

        Polars, pandas and DuckDB take it without copying: ``polars.from_arrow(table)``,
        ``table.to_pandas()``, ``duckdb.sql("select ... from table")``.

        Parameters
        ----------
        vectors : bool
            With a column ``vector`` of float32, null for titles that have none.
        progress : callable, optional

        Returns
        -------
        pyarrow.Table
            A column a field; the catalogue's own fields are ``extra.NAME``.

        Raises
        ------
        InvalidInputError
            pyarrow is missing.
        """
        self._check_open()
        check_flag("vectors", vectors)
        return read_table(self._store, self._manager.cancellable(progress), vectors=vectors)


def _after(done: int, progress: Progress | None) -> Progress | None:
    """Report the titles of one batch as some of all."""
    if progress is None:
        return None
    return lambda part, total, stage: progress(done + part, done + total, stage)
