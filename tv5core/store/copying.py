"""Copy a store while others write to it: LMDB's file as of one moment, and the files it names."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from tv5core.errors import CatalogError
from tv5core.files import SealedFile, disk_errors
from tv5core.lmdb_env.registry import Owner
from tv5core.store import generations
from tv5core.store.compaction import copy_compactly
from tv5core.store.environment import Environment
from tv5core.store.meta import Meta, read_meta
from tv5core.store.store import Store
from tv5core.types import Progress

__all__ = ["copy_store"]

_CHUNK = 1 << 20
_TRIES = 10
_REPORT_S = 0.1


def copy_store(
    store: Store, folder: Path, *, compact: bool, report: Progress, link: bool = False
) -> Meta:
    """Copy a catalogue into an empty folder; return the record of the copy.

    LMDB's file is copied as one transaction sees it. The files that go with it may be replaced
    by the writer at any moment, so those named by the record just before are held open: what is
    open is there, whatever becomes of its name. Where a sealing came between the two, the copy
    is made again.

    Parameters
    ----------
    store : Store
    folder : Path
    compact : bool
        Leave out free pages.
    report : callable
        An exception it raises ends the copy.
    link : bool
        Give sealed files a second name instead of copying them, where that can be done: for a copy
        that is gone soon.
    """
    for _ in range(_TRIES):
        with ExitStack() as stack:
            held = _hold(store, stack)
            if compact:
                _compact(store.environment, folder, report)
            else:
                _copy_lmdb(store.environment, folder / "data.mdb", report)
            meta = _record_of(folder)
            if {record.name for record in generations.sealed_files(meta)} <= held.keys():
                linked = _link_files(store.folder, meta, held, folder) if link else set()
                _copy_files(meta, held, linked, folder, report)
                return meta
    raise CatalogError(f"{store.folder}: expected a moment without sealing, got none")


def _hold(store: Store, stack: ExitStack) -> dict[str, BinaryIO | None]:
    """Open the files the record names; None for one that is missing."""
    with store.read() as txn:
        needed = generations.sealed_files(store.refresh(txn))
    held: dict[str, BinaryIO | None] = {}
    for record in needed:
        try:
            held[record.name] = stack.enter_context((store.folder / record.name).open("rb"))
        except FileNotFoundError:
            held[record.name] = None
    return held


def _record_of(folder: Path) -> Meta:
    owner = Owner()
    environment = Environment.acquire(folder, owner, writable=False)
    try:
        meta = _meta_in(environment)  # a call that has ended when the environment is released
    finally:
        environment.release(owner)
    if meta is None:
        raise CatalogError(f"{folder}: expected a copy with a record, got one without")
    return meta


def _meta_in(environment: Environment) -> Meta | None:
    with environment.read() as txn:
        return read_meta(txn)


# -- LMDB's file --------------------------------------------------------------------------


def _compact(environment: Environment, folder: Path, report: Progress) -> None:
    for name in ("data.mdb", "lock.mdb"):  # of a copy that a sealing outdated
        (folder / name).unlink(missing_ok=True)
    environment.make_room()
    with environment.read() as txn:
        copy_compactly(txn, folder, report)


def _copy_lmdb(environment: Environment, path: Path, report: Progress) -> None:
    """Copy LMDB's file in other threads: no transaction waits for what a report does."""
    total = (environment.folder / "data.mdb").stat().st_size
    copying = _Copying(environment, path)
    report(0, total, "copying the store")
    copying.start()
    try:
        while copying.is_alive():
            copying.join(_REPORT_S)
            report(min(copying.done, total), total, "copying the store")
    finally:
        copying.stop()
    if copying.error is not None:
        raise copying.error


class _Copying(threading.Thread):
    """Have LMDB write into a pipe, whose other end can be closed to end it."""

    def __init__(self, environment: Environment, path: Path) -> None:
        super().__init__(name="tv5-copy", daemon=True)
        self._environment, self._path = environment, path
        self._stopped = False
        self.done = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._copy()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asked for the copy
            self.error = error

    def _copy(self) -> None:
        source, sink = os.pipe()
        writing = _Writing(self._environment, sink)
        try:
            with (
                disk_errors(self._path),
                os.fdopen(source, "rb", buffering=0) as pipe,
                self._path.open("wb") as to,
            ):
                writing.start()
                self._drain(pipe, to)
                to.flush()
                os.fsync(to.fileno())
        finally:
            writing.end()
        if writing.error is not None and not self._stopped:
            raise writing.error

    def _drain(self, pipe: BinaryIO, to: BinaryIO) -> None:
        while not self._stopped and (data := pipe.read(_CHUNK)):
            to.write(data)
            self.done += len(data)

    def stop(self) -> None:
        """End soon, and wait for that."""
        self._stopped = True
        self.join()


class _Writing(threading.Thread):
    def __init__(self, environment: Environment, sink: int) -> None:
        super().__init__(name="tv5-copy-lmdb", daemon=True)
        self._environment, self._sink = environment, sink
        self._begun = False
        self.error: Exception | None = None

    def start(self) -> None:
        super().start()
        self._begun = True

    def run(self) -> None:
        try:
            self._environment.copy(self._sink)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asked for the copy
            self.error = error
        finally:
            os.close(self._sink)

    def end(self) -> None:
        """Wait for the end, which comes soon once nobody reads the pipe."""
        if self._begun:
            self.join()
        else:
            os.close(self._sink)


def _pump(source: BinaryIO, to: BinaryIO, total: int, report: Progress, stage: str) -> None:
    done = 0
    report(0, total, stage)
    while data := source.read(_CHUNK):
        to.write(data)
        done += len(data)
        report(min(done, total), total, stage)


# -- the files beside it ------------------------------------------------------------------


def _link_files(
    source: Path, meta: Meta, held: dict[str, BinaryIO | None], folder: Path
) -> set[str]:
    """Link files, as far as their names still lead to what is held; return their names."""
    linked = set()
    for record in generations.sealed_files(meta):
        file, path = held[record.name], folder / record.name
        if file is not None:
            with suppress(OSError):  # another file system, or one without links
                path.hardlink_to(source / record.name)
                if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                    linked.add(record.name)
                else:
                    path.unlink()
    return linked


def _copy_files(
    meta: Meta,
    held: dict[str, BinaryIO | None],
    linked: set[str],
    folder: Path,
    report: Progress,
) -> None:
    """Copy the bytes, not the links: a backup must not share what it is to protect."""
    for record in generations.sealed_files(meta):
        source = held[record.name]
        if source is not None and record.name not in linked:
            _copy_file(record, source, folder / record.name, report)


def _copy_file(record: SealedFile, source: BinaryIO, path: Path, report: Progress) -> None:
    with disk_errors(path), path.open("wb") as to:
        _pump(source, to, record.size, report, f"copying {record.name}")
        to.flush()
        os.fsync(to.fileno())
