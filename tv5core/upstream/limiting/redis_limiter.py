"""The limiter of several processes that share a provider's contract; needs the extra ``redis``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tv5core.errors import InvalidInputError
from tv5core.observing import SILENT, Observer
from tv5core.upstream.limiting.bulk_share import BulkShare
from tv5core.upstream.limiting.redis_tokens import TRANSIT, RedisTokenSource
from tv5core.upstream.limiting.scheduler import Scheduler

__all__ = ["RedisLimiter"]


class RedisLimiter(Scheduler):
    """The limiter of one of several processes that share a provider's contract.

    Parameters
    ----------
    url : str
        Address of Redis, such as ``redis://localhost:6379/0``, of sentinels or of a cluster; see
        :mod:`tv5core.redis_access.address`.
    key : str
        Name of the limit in Redis; the same in all processes.
    processes : int or None
        Largest number of processes. Each owns ``rate / processes``; those that reach Redis pool
        their shares. With None, or more than half as many as the contract, all of the rate is
        pooled, and a process that does not reach Redis sends nothing.
    rate : float
        Requests per second of all processes together.
    contract : int
        Requests the provider allows in any second; above ``rate``.
    bulk_share : float
        Part of the rate that bulk work of all processes may take over any minute.
    max_connections : int
        Requests of this process in flight at once.
    now : callable or None
        Time of day, for off-peak hours; None uses the system's.
    observer : Observer
        Counts ``upstream.limiter`` with state ``alone`` and ``shared`` on each change.
    owns_share : callable
        Whether a share is this process's at present; see :mod:`.share_lock`.

    Raises
    ------
    InvalidInputError
        The numbers do not keep the contract.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        processes: int | None,
        rate: float = 45,
        contract: int = 50,
        bulk_share: float = 0.2,
        max_connections: int = 20,
        now: Callable[[], datetime] | None = None,
        observer: Observer = SILENT,
        owns_share: Callable[[], bool] = lambda: True,
    ) -> None:
        if (processes is not None and processes < 1) or not 0 < rate * TRANSIT + 1 < contract + 1:
            raise InvalidInputError(
                f"expected 1 or more processes and a rate below {contract / TRANSIT:.4g}, "
                f"got {processes} and {rate}"
            )
        self._pooled = RedisTokenSource(
            url,
            key,
            rate=rate,
            contract=contract,
            processes=processes,
            bulk_share=bulk_share,
            observer=observer,
            owns_share=owns_share,
        )
        super().__init__(
            self._pooled, rate=rate, bulk_share=bulk_share, max_connections=max_connections, now=now
        )

    @property
    def bulk_share(self) -> float:
        """Part of the rate that bulk work may take over any minute; may be set."""
        return self._bulk.share

    @bulk_share.setter
    def bulk_share(self, share: float) -> None:
        self._bulk = BulkShare(self._rate, share)
        self._pooled.set_bulk_share(share)

    @property
    def is_alone(self) -> bool:
        """Whether Redis does not reply, so that only this process's own share is used."""
        return self._pooled.is_alone
