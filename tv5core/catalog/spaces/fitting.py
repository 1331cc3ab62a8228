"""When the default embedder is fitted, and what happens where that fails.

Fitting takes seconds, so an addition waits for it only where there is nothing to search by yet
and the wait is in proportion to what it added. Else it happens in the background: the model there
is serves until all titles are embedded with the new one, which then takes over at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tv5core.catalog.index.background import StoppedError, give_way
from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.spaces.new_space import embed_into_new_space
from tv5core.catalog.spaces.unfinished_fit import UnfinishedFit, UnfinishedFitRecord
from tv5core.errors import DiskFailureError, DiskFullError, Tv5Error
from tv5core.store import Store, titles
from tv5core.types import Progress

__all__ = ["AUTOMATIC_TITLES", "QUICK_TITLES", "Fitting"]

log = logging.getLogger("tv5core")

_PASSING = (DiskFullError, DiskFailureError, OSError)
"""Failures that do not depend on the titles: the next addition retries, whatever it adds."""

AUTOMATIC_TITLES = 20_000
"""Up to this many titles additions begin a fit themselves; as live rows, they need no graph."""

QUICK_TITLES = 8
"""Up to this many titles a first fit takes milliseconds."""


class Fitting:
    """Fit the default embedder when the catalogue has doubled since it was.

    Parameters
    ----------
    store : Store
    manager : IndexManager
    enabled : bool
        Whether the catalogue embeds its own text.

    Attributes
    ----------
    failure : str
        Why the last fit failed, also of one before the catalogue was opened; ``""`` where it did
        not.
    """

    def __init__(self, store: Store, manager: IndexManager, *, enabled: bool) -> None:
        self._store, self._manager, self._enabled = store, manager, enabled
        self._record = UnfinishedFitRecord(store)
        self._failed: Exception | None = None  # the last failure, of this process

    @property
    def failure(self) -> str:
        """Why the last fit failed."""
        unfinished = self._record.value
        return unfinished.reason if unfinished is not None else ""

    def resume(self) -> None:
        """Begin, in the background, a fit that an addition left due; for the writer, on opening."""
        if self._record.value is not None and self._is_due_and_promising():
            self._begin_in_background()

    def is_due(self) -> bool:
        """Return whether the catalogue has doubled since its embedder was fitted."""
        meta = self._store.meta
        if not self._enabled or (meta.embedder and not meta.fitted_on):
            return False
        count = self._count()
        return count > 0 and count >= 2 * meta.fitted_on

    def _count(self) -> int:
        with self._store.read() as txn:
            return titles.count(txn)

    def after_adding(self, added: int, progress: Progress | None) -> None:
        """Fit where that is due, now or in the background; a fit that fails raises nothing.

        The titles are stored already. The next addition retries; where the fit failed for what
        the titles are, the next one that changes something does.
        """
        if not self._is_due_and_promising():
            return
        count, first = self._count(), not self._store.meta.fitted_on
        if first and count <= max(QUICK_TITLES, 2 * added):
            self._fit_or_log(progress)
        elif first or count <= AUTOMATIC_TITLES:
            self._begin_in_background()

    def _begin_in_background(self) -> None:
        if self._record.value is None:
            self._record.set(UnfinishedFit())
        self._manager.background.start("fit", self._fit_in_background)

    def _is_due_and_promising(self) -> bool:
        """Return whether to fit; the same text would only fail again."""
        unfinished = self._record.value
        failed_at = -1 if unfinished is None else unfinished.seq
        return self._store.meta.last_seq != failed_at and self.is_due()

    def _fit_in_background(self) -> None:
        while self._is_due_and_promising():  # again, where it doubled meanwhile
            if not self._fit_or_log(_give_way):
                return

    def _fit_or_log(self, progress: Progress | None) -> bool:
        """Fit; return whether that was done. What the caller's function raises is passed on."""
        try:
            self.fit(progress, due=self.is_due)
        except StoppedError:
            return False
        except Exception as error:
            if error is not self._failed:
                raise
            log.warning("%s: fitting the embedder failed: %s", self._store.folder, self.failure)
            return False
        return True

    def fit(self, progress: Progress | None, *, due: Callable[[], bool] | None = None) -> None:
        """Fit on all titles and embed them again, once nobody else does.

        Parameters
        ----------
        progress : callable, optional
        due : callable, optional
            Called when nobody else fits; False ends the work.

        Raises
        ------
        FittingError, DiskFullError, DiskFailureError
            What was served before still is.
        """
        report = _ReportWithMemory(progress)
        seq = self._store.meta.last_seq
        try:
            embed_into_new_space(self._store, self._manager, None, report, due=due)
        except Exception as error:
            if error is not report.raised and not isinstance(error, StoppedError):
                self._failed = error
                passing = isinstance(error, _PASSING)
                self._record.set(UnfinishedFit(_describe(error), -1 if passing else seq))
            raise
        self._record.set(None)


def _give_way(done: int, total: int, stage: str) -> None:  # noqa: ARG001 - a progress function
    give_way()


class _ReportWithMemory:
    """A progress function that knows what the caller's raised: that is no failure of the work."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.raised: Exception | None = None

    def __call__(self, done: int, total: int, stage: str) -> None:
        if self._progress is None:
            return
        try:
            self._progress(done, total, stage)
        except Exception as error:
            self.raised = error
            raise


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, Tv5Error) else f"{type(error).__name__}: {error}"
