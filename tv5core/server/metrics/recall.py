"""RecallSampler: how well the graph searches, measured on what people search for.

Now and then one of the latest queries is searched again in a thread of the lowest priority: by
meaning as usual, and once more against every vector. The share of the ten true neighbours that the
usual search finds is recall@10. After each check the sampler rests fifty times as long as it took,
and at least two seconds: it takes at most a fiftieth of one core.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tv5core.catalog import Catalog
from tv5core.errors import Tv5Error

__all__ = ["RecallSampler"]

log = logging.getLogger("tv5core.server")

K = 10
_LEAST_PAUSE_S, _REST = 2.0, 50.0
_LOWEST = 19  # of the priorities of threads


class RecallSampler:
    """Measures recall@10 on a sample of queries.

    Parameters
    ----------
    catalog : Catalog
    note : callable
        Takes a recall, 0 to 1.
    pause_s : float
        Least time between two checks.
    rng : random.Random, optional
    """

    def __init__(
        self,
        catalog: Catalog,
        note: Callable[[float], None],
        *,
        pause_s: float = _LEAST_PAUSE_S,
        rng: random.Random | None = None,
    ) -> None:
        self._catalog, self._note, self._pause_s = catalog, note, pause_s
        self._rng = rng or random.Random()  # noqa: S311 - a sample
        self._chosen: tuple[str, str] | None = None
        self._seen = 0

    def offer(self, text: str, where: str = "") -> None:
        """Offer a query; each of those since the last check is chosen with equal chance."""
        if self.draws():
            self.choose(text, where)

    def draws(self) -> bool:
        """Count a query, and return whether to :meth:`choose` it: few are read for their text."""
        self._seen += 1
        return self._rng.random() * self._seen < 1

    def choose(self, text: str, where: str = "") -> None:
        """Take a query in place of the one chosen before, unless it is empty."""
        if text.strip():
            self._chosen = text, where

    async def run(self) -> None:
        """Check one query after the other, until cancelled."""
        with ThreadPoolExecutor(1, "tv5-recall", initializer=_yield_to_others) as thread:
            loop = asyncio.get_running_loop()
            while True:
                took_s = 0.0
                chosen, self._chosen, self._seen = self._chosen, None, 0
                if chosen is not None:
                    started = time.perf_counter()
                    recall = await loop.run_in_executor(thread, self.check, *chosen)
                    took_s = time.perf_counter() - started
                    if recall is not None:
                        self._note(recall)
                await asyncio.sleep(max(self._pause_s, _REST * took_s))

    def check(self, text: str, where: str = "") -> float | None:
        """Search a text as usual and exactly; None where it has no neighbours."""
        try:
            found = self._catalog.search(text, K, mode="semantic", where=where or None)
            truth = self._catalog.search(text, K, mode="semantic", where=where or None, exact=True)
        except Tv5Error as error:
            log.debug("no recall could be measured: %s", type(error).__name__)
            return None
        wanted = {hit.id for hit in truth}
        return len(wanted & {hit.id for hit in found}) / len(wanted) if wanted else None


def _yield_to_others() -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
