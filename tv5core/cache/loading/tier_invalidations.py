"""The invalidations of one lower tier, each retried until the tier has applied it.

They are bounded, and none can keep the tier out of use for good: too many at once become one of
everything, and so does one that the tier keeps refusing, since it may be refused for what it
says. That one of a name no entry can have is dropped.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tv5core.backoff import Backoff
from tv5core.cache.entry import Invalidation, Tier
from tv5core.cache.stats import Stats
from tv5core.errors import InvalidInputError

__all__ = ["TierInvalidations"]

MAX_PENDING = 1_000

_RETRIES = Backoff(0.1, 5.0, jitter=0.0)
_TRANSIENT = (OSError, asyncio.CancelledError)  # the tier is out of reach, whatever the item
_MAX_REFUSALS = 5
_EVERYTHING = Invalidation("all")


class TierInvalidations:
    """Invalidations on their way to a tier.

    Parameters
    ----------
    tier : Tier
    stats : Stats
    """

    def __init__(self, tier: Tier, stats: Stats) -> None:
        self._tier, self._stats = tier, stats
        self._pending: set[asyncio.Task[None]] = set()
        self._clearing: asyncio.Task[None] | None = None
        self._clear_again = self._lost = self._closed = False
        self._error = ""

    @property
    def applied(self) -> bool:
        """Whether the tier has applied all of them, so that it may be used."""
        if self._lost and not self._pending and not self._closed:
            self._start_clear()
        return not self._pending and not self._lost

    @property
    def reason(self) -> str:
        """Why the tier may not be used; empty where it may."""
        if not self._pending and not self._lost:
            return ""
        error = f": {self._error}" if self._error else ""
        return f"{max(1, len(self._pending))} invalidations are not applied yet{error}"

    def start(self, invalidation: Invalidation) -> asyncio.Task[None]:
        """Start an invalidation; its task ends once the tier has applied it."""
        if self._clearing is not None:
            self._clear_again = True
            return self._clearing
        if len(self._pending) >= MAX_PENDING:
            return self._start_clear()
        return self._add(self._apply_until_done(invalidation))

    def _add(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._pending.discard(task)
        covered = self._clearing is not None and task is not self._clearing
        if task is self._clearing:
            self._clearing = None
        if task.cancelled() or task.exception() is not None:
            # Interrupted from outside: what it was about is covered by clearing the tier.
            self._lost = self._lost or not covered
        elif not self._pending:
            self._error = ""

    # -- everything at once ---------------------------------------------------------------

    def _start_clear(self) -> asyncio.Task[None]:
        """Clear the tier, in place of all invalidations on their way."""
        single = list(self._pending)
        self._clearing = self._add(self._clear())
        for task in single:
            task.cancel()
        return self._clearing

    async def _clear(self) -> None:
        self._clear_again = True
        while self._clear_again:  # one that came during a clear may not be covered by it
            self._clear_again = False
            await self._apply_until_done(_EVERYTHING)
        self._lost = False

    # -- one ------------------------------------------------------------------------------

    async def _apply_until_done(self, invalidation: Invalidation) -> None:
        refusals = 0
        for pause_s in _RETRIES.pauses():
            try:
                await self._apply(invalidation)
            except InvalidInputError:
                self._stats.count(self._tier.name, invalidation.kind, "refused")
                return
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - retried
                self._note(invalidation, error)
                refusals += not isinstance(error, _TRANSIENT)
                if refusals == _MAX_REFUSALS:
                    self._stats.count(self._tier.name, invalidation.kind, "widened")
                    invalidation = _EVERYTHING
            else:
                return
            await asyncio.sleep(pause_s)

    def _note(self, invalidation: Invalidation, error: BaseException) -> None:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise error
        self._stats.count(self._tier.name, invalidation.kind, "error")
        self._error = type(error).__name__

    async def _apply(self, invalidation: Invalidation) -> None:
        if invalidation.scope == "key":
            await self._tier.delete(invalidation.kind, invalidation.keys)
        elif invalidation.scope == "kind":
            await self._tier.delete_kind(invalidation.kind)
        elif invalidation.scope == "tag":
            await self._tier.delete_tag(invalidation.tag)
        else:
            await self._tier.clear()

    def close(self) -> None:
        """Cancel what is not applied yet."""
        self._closed = True
        for task in list(self._pending):
            task.cancel()
