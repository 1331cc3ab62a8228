"""Clients of the providers, and who keeps their limits with this process.

============  ======================  =======================================================
``redis_url`` ``gateways``            limits hold over
============  ======================  =======================================================
none          any                     the processes of this user on this machine, by a file
any           1                       the same
set           not set                 all gateways with this Redis; while it does not answer,
                                      providers are not asked
set           2 or more               the same; while it does not answer, each of their workers
                                      has its own share
============  ======================  =======================================================
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from yarl import URL

from tv5core.errors import CredentialsError
from tv5core.observing import Observer
from tv5core.server.settings import Settings
from tv5core.upstream import JustWatch, Tmdb
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.justwatch.provider import justwatch_provider
from tv5core.upstream.limiting.limiter import Limiter
from tv5core.upstream.limiting.share_lock import ShareLock
from tv5core.upstream.provider import Provider
from tv5core.upstream.tmdb.provider import tmdb_provider

__all__ = ["open_justwatch", "open_tmdb"]


async def open_tmdb(
    settings: Settings, observer: Observer, stack: AsyncExitStack, shared: Path | None
) -> Tmdb | None:
    """Open a client of TMDB; None where there is no key.

    Parameters
    ----------
    settings : Settings
    observer : Observer
    stack : AsyncExitStack
        Closes it.
    shared : Path or None
        Folder of what the processes of this gateway share.
    """
    try:
        provider = tmdb_provider()
    except CredentialsError:
        return None
    limiter = _limiter(settings, observer, stack, shared, provider)
    fetcher = Fetcher(provider, observer=observer, limiter=limiter)
    return await stack.enter_async_context(Tmdb(fetcher, region=settings.region))


async def open_justwatch(
    settings: Settings, observer: Observer, stack: AsyncExitStack, shared: Path | None
) -> JustWatch | None:
    """Open a client of JustWatch, as :func:`open_tmdb` does; None where it is not enabled."""
    provider = justwatch_provider()
    if not JustWatch(Fetcher(provider)).enabled:
        return None
    limiter = _limiter(settings, observer, stack, shared, provider)
    fetcher = Fetcher(provider, observer=observer, limiter=limiter)
    return await stack.enter_async_context(JustWatch(fetcher))


def _limiter(
    settings: Settings,
    observer: Observer,
    stack: AsyncExitStack,
    shared: Path | None,
    provider: Provider,
) -> Limiter | None:
    """Return a limiter of all gateways; None for that of the machine."""
    if settings.redis_url is None or settings.gateways == 1:
        return None
    from tv5core.upstream.limiting.redis_limiter import RedisLimiter
    from tv5core.upstream.limiting.redis_tokens import TRANSIT

    limiter = RedisLimiter(
        settings.redis_url,
        f"tv5:upstream:{URL(provider.base_url).authority}",
        processes=settings.gateways and settings.gateways * settings.workers,
        rate=min(provider.rate, (provider.contract - 1) / TRANSIT),
        contract=provider.contract,
        bulk_share=provider.bulk_share,
        max_connections=provider.max_connections,
        observer=observer,
        owns_share=_ownership(settings, stack, shared, provider),
    )
    stack.push_async_callback(limiter.close)
    return limiter


def _ownership(
    settings: Settings, stack: AsyncExitStack, shared: Path | None, provider: Provider
) -> Callable[[], bool]:
    """Return what says whether one of this gateway's shares is this process's."""
    if shared is None:
        return lambda: True  # it has no other processes
    lock = ShareLock(shared / f"shares-{provider.name}", settings.workers)
    stack.callback(lock.close)
    lock.is_owned()  # takes it
    return lock.is_owned
