"""Copies of a catalogue: backups, exports, and bringing either back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tv5core.catalog.backup import BackupReport, backup, restore_backup
from tv5core.catalog.exporting import (
    ExportReport,
    export_folder,
    export_lines,
    export_titles,
)
from tv5core.catalog.inspecting import CatalogInspector
from tv5core.catalog.reimport import is_export, restore_export
from tv5core.types import Progress

__all__ = ["CatalogSafekeeper"]


class CatalogSafekeeper(CatalogInspector):
    """A reader that can be copied."""

    def backup(
        self,
        dest: str | os.PathLike[str],
        *,
        compact: bool = False,
        check: bool = True,
        progress: Progress | None = None,
    ) -> BackupReport:
        """Copy the catalogue as it is at one moment, while others go on reading and writing.

        The copy is a catalogue by itself. It shares no bytes with this one, and appears under its
        name when all of it is on disk and checked. Until then it is in ``DEST.partial``, in
        bounded memory. While the store itself is copied, free pages are not reused, so a writer
        at work makes the store grow by about what it writes; in a process that only reads, a
        growing map can make searches wait for that part.

        Parameters
        ----------
        dest : path-like
            A new or an empty folder, outside the catalogue's.
        compact : bool
            Leave out free pages of the store.
        check : bool
            Verify the copy, every byte of it and every row. False copies a damaged catalogue too,
            and takes a fraction of the time.
        progress : callable, optional
            Called with (done, total, stage); an exception it raises ends the work, and nothing of
            the copy is left.

        Raises
        ------
        InvalidInputError
            There is something at ``dest``.
        CorruptFileError
            The copy is not sound, because the catalogue is not: repair it first.
        DiskFullError, DiskFailureError, CatalogLockedError
        """
        self._check_open()
        report = self._keeper.checked(progress)
        return backup(self._store, Path(dest), compact=compact, check=check, report=report)

    def export(
        self, dest: str | os.PathLike[str], progress: Progress | None = None
    ) -> ExportReport:
        """Write the catalogue as it is at one moment in formats that anything can read.

        Parameters
        ----------
        dest : path-like
            A new or an empty folder for ``titles.jsonl``, ``vectors.npy`` (float32), ``ids.txt``
            and what else :meth:`restore` needs to make an equal catalogue of it; or a file
            ending in ``.jsonl`` for the titles alone, which is replaced. Either appears whole or
            not at all.
        progress : callable, optional
            As for :meth:`backup`.

        Raises
        ------
        InvalidInputError
            The folder is not empty.
        CorruptFileError
            A title cannot be decoded.
        DiskFullError, DiskFailureError
        """
        self._check_open()
        report = self._keeper.checked(progress)
        if Path(dest).suffix == ".jsonl":
            return export_titles(self._store, Path(dest), report)
        return export_folder(self._store, Path(dest), report)

    def export_lines(
        self, write: Callable[[bytes], object], progress: Progress | None = None
    ) -> int:
        """Hand every title, as a line of JSON, to a function; return how many."""
        self._check_open()
        return export_lines(self._store, write, self._keeper.checked(progress))

    @staticmethod
    def restore(
        source: str | os.PathLike[str],
        dest: str | os.PathLike[str],
        progress: Progress | None = None,
    ) -> BackupReport:
        """Make a catalogue of a backup or an export, after checking all of it.

        Of an export it is equal in titles, vectors, what is pending, checkpoints and settings;
        the graph is built anew.

        Parameters
        ----------
        source : path-like
            What :meth:`backup` or :meth:`export` made: a folder.
        dest : path-like
            A new or an empty folder; nothing is ever overwritten.
        progress : callable, optional
            As for :meth:`backup`.

        Raises
        ------
        NotACatalogError
            There is neither at ``source``.
        InvalidInputError, CorruptFileError, DiskFullError, DiskFailureError
        """
        restore = restore_export if is_export(Path(source)) else restore_backup
        return restore(Path(source), Path(dest), progress or _quiet)


def _quiet(_done: int, _total: int, _stage: str) -> None:
    """Report nothing."""
