"""Learning from interactions: one sealed file named in the record, and what is read of it."""

from __future__ import annotations

import threading
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.recovery_log import RecoveryLog
from tv5core.errors import CorruptFileError
from tv5core.files import SealedFile, fsync_folder
from tv5core.files.failpoints import failpoint
from tv5core.recommend.co_consumption import CoConsumption
from tv5core.recommend.facts import TitleFacts
from tv5core.recommend.interactions import Interactions, read_interactions
from tv5core.recommend.results import LearnReport
from tv5core.store import Store, generations, lookup, titles
from tv5core.types import Progress

__all__ = ["Learnt", "LearntSource", "learn"]

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

_TRIES = 3
"""Looks at the record, where a writer replaces the file again and again."""


def learn(store: Store, interactions: object, progress: Progress) -> LearnReport:
    """Learn from interactions, in place of what was learnt before; see ``Catalog.learn``."""
    progress(0, 3, "reading interactions")
    found = read_interactions(interactions, _Ids(store))
    progress(1, 3, "learning")
    learnt = CoConsumption.fit(found)
    progress(2, 3, "storing")
    size = _keep(store, learnt)
    progress(3, 3, "storing")
    return _report(learnt, found, size)


def forget(store: Store) -> bool:
    """Forget what was learnt; return whether there was anything."""
    with store.maintain():
        if store.meta.learnt is None:
            return False
        store.change_meta(learnt=None)
        store.tidy()
        return True


class _Ids:
    """From a title's id, or an alias of it, to the id it is stored under."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, name: str) -> str | None:
        with self._store.read() as txn, suppress(CorruptFileError):
            title = lookup.by_id(txn, name) or lookup.by_alias(txn, name)
            return None if title is None else title.id
        return None


def _keep(store: Store, learnt: CoConsumption) -> int:
    """Write the file beside the one before, name it in the record, remove the other."""
    with store.maintain():
        path = generations.learnt_path(store.folder, _number(store.meta.learnt) + 1)
        temporary = generations.temporary(path)
        try:
            record = generations.publish(path, learnt.save(temporary))
            fsync_folder(store.folder)
            failpoint("learn: published")
            store.change_meta(learnt=record)
        except BaseException:
            if store.meta.learnt is None or store.meta.learnt.name != path.name:
                for left in (temporary, path):
                    with suppress(OSError):
                        left.unlink(missing_ok=True)
            raise
        failpoint("learn: recorded")
        store.tidy()
    return record.size


def _number(record: SealedFile | None) -> int:
    return 0 if record is None else int(record.name.split(".")[1])


def _report(learnt: CoConsumption, found: Interactions, size: int) -> LearnReport:
    return LearnReport(
        learnt.users, len(learnt), learnt.interactions, found.unknown, learnt.rank, size
    )


class Learnt:
    """What was learnt, by the rows that the titles have now.

    Parameters
    ----------
    model : CoConsumption
    facts : TitleFacts
    rows : int64[titles]
        Of the model's titles; -1 for those that are gone.
    """

    def __init__(self, model: CoConsumption, facts: TitleFacts, rows: I64) -> None:
        self.model, self._facts = model, facts
        places = facts.places(rows)
        self._known = np.flatnonzero(places >= 0)
        self._places = places[self._known]
        self._number = np.full(len(facts) + 1, -1, np.int64)  # the last: of rows without a title
        self._number[self._places] = self._known

    def consumed(self, rows: I64, weights: F32) -> F32:
        """Return float32[n] over all titles: how strongly they are consumed with some.

        Parameters
        ----------
        rows : int64[m]
            Of the titles liked; those nobody consumed say nothing.
        weights : float32[m]
        """
        found = np.zeros(len(self._facts), np.float32)
        numbers = self._number[self._facts.places(rows)]
        known = numbers >= 0
        if known.any():
            scores = self.model.scores(numbers[known], weights[known])
            found[self._places] = scores[self._known]
        return found

    def between(self, row: int, others: I64) -> F32:
        """Return float32[m]: how strongly one title is consumed with each of some."""
        numbers = self._number[self._facts.places(np.append(others, row))]
        found = np.zeros(len(others), np.float32)
        known = numbers[:-1] >= 0
        if numbers[-1] >= 0 and known.any():
            vectors = self.model.vectors
            own = vectors[numbers[-1]].astype(np.float32)
            found[known] = vectors[numbers[:-1][known]].astype(np.float32) @ own
        return found


class LearntSource:
    """What was learnt, as the record names it now.

    Parameters
    ----------
    store : Store
    recovery : RecoveryLog
        Where a damaged file is noted: then content alone recommends.
    """

    def __init__(self, store: Store, recovery: RecoveryLog) -> None:
        self._store, self._recovery = store, recovery
        self._lock = threading.Lock()
        self._loaded: tuple[SealedFile, CoConsumption] | None = None
        self._failed: tuple[SealedFile, tuple[int, int] | None] | None = None
        self._placed: tuple[TitleFacts, Learnt] | None = None

    def after_fork(self) -> None:
        """Restart in a child."""
        self._lock = threading.Lock()

    def record(self) -> SealedFile | None:
        """Return what identifies the file, which changes whenever something is learnt."""
        if self._store.writable:
            return self._store.meta.learnt
        with self._store.read() as txn:
            return self._store.refresh(txn).learnt

    def current(self, facts: TitleFacts) -> Learnt | None:
        """Return what was learnt; None for nothing."""
        with self._lock:
            model = self._model()
            if model is None:
                return None
            placed = self._placed
            if placed is None or placed[0] is not facts or placed[1].model is not model:
                placed = self._placed = facts, Learnt(model, facts, self._rows(model))
            return placed[1]

    def _model(self) -> CoConsumption | None:
        for _ in range(_TRIES):
            record = self.record()
            if record is None or self._failed == (record, self._written(record)):
                return None
            if self._loaded is None or self._loaded[0] != record:
                self._load(record)
            if self._loaded is not None and self._loaded[0] == record:
                return self._loaded[1]
        return None

    def _load(self, record: SealedFile) -> None:
        """Load a file; note that it is damaged where it is still the one to be used."""
        path, written = self._store.folder / record.name, self._written(record)
        try:
            generations.check_sizes(self._store.folder, (record,))
            self._loaded = record, CoConsumption.load(path)
        except (CorruptFileError, OSError) as error:
            if record == self.record():  # else a writer has replaced it meanwhile
                self._failed = record, written
                self._recovery.add(f"what was learnt cannot be used, learn again: {error}")

    def _written(self, record: SealedFile) -> tuple[int, int] | None:
        """Return what tells a file from a later one of its name and content."""
        try:
            status = (self._store.folder / record.name).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _rows(self, model: CoConsumption) -> I64:
        with self._store.read() as txn:
            rows = [titles.find(txn, name) for name in model.ids]
        return np.asarray([-1 if row is None else row for row in rows], np.int64)
