"""Resources: what one process of the gateway holds open.

::

    async with open_resources(settings) as resources:
        app = make_app(settings, resources)
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from aiohttp import web

from tv5core.cached import CachedCatalog
from tv5core.catalog import Catalog
from tv5core.catalog.async_catalog import AsyncCatalog
from tv5core.data import demo_titles
from tv5core.events.webhook import WebhookEvents
from tv5core.object_storage import is_url
from tv5core.observing import Observer
from tv5core.server.jobs import JobBoard
from tv5core.server.metrics import Metrics
from tv5core.server.policies import policies_of
from tv5core.server.providers import open_justwatch, open_tmdb
from tv5core.server.settings import Settings
from tv5core.server.tracing import Tracing, open_tracing
from tv5core.server.writing import CatalogWriter, Writer
from tv5core.upstream import JustWatch, Tmdb

__all__ = ["RESOURCES", "Resources", "open_catalog", "open_reader", "open_resources"]


@dataclass
class Resources:
    """What a process holds open.

    Attributes
    ----------
    settings : Settings
    catalog, asynchronous : Catalog and AsyncCatalog
        The same catalogue; the second runs calls in threads.
    cached : CachedCatalog
    writer : Writer or None
        None where nothing is stored.
    tmdb, justwatch : Tmdb and JustWatch, or None
        None where there is no key, or providers are not asked.
    metrics : Metrics
    tracing : Tracing
    jobs : JobBoard
    shared : Path or None
        The folder of what the processes of this gateway share; None where it is alone.
    webhook : WebhookEvents
        Takes the events of ``/api/hooks``.
    ready : bool
        Whether new requests are welcome; false before the first, and while it drains.
    """

    settings: Settings
    catalog: Catalog
    asynchronous: AsyncCatalog
    cached: CachedCatalog
    metrics: Metrics
    tracing: Tracing
    writer: Writer | None = None
    tmdb: Tmdb | None = None
    justwatch: JustWatch | None = None
    jobs: JobBoard = field(default_factory=lambda: JobBoard(None))
    shared: Path | None = None
    webhook: WebhookEvents = field(default_factory=WebhookEvents)
    ready: bool = True

    @property
    def observer(self) -> Observer:
        """Told of every outcome in the cache and of the providers."""
        return self.metrics.observer


RESOURCES = web.AppKey("resources", Resources)
"""Where an application keeps its resources."""


def open_catalog(settings: Settings, folder: str | os.PathLike[str] | None = None) -> Catalog:
    """Open the catalogue of some settings; that of ``demo`` is made where it is missing.

    Parameters
    ----------
    settings : Settings
    folder : path-like, optional
        Where the catalogue of ``demo`` is made.
    """
    if not settings.demo:
        if settings.read_only:
            return open_reader(settings)
        return Catalog.open(settings.catalog, create=False, vectors=settings.vectors_url)
    catalog = Catalog.open(settings.catalog if folder is None else folder)
    if not catalog.count():
        catalog.add(demo_titles())
        catalog.seal()
    return catalog


def open_reader(settings: Settings) -> Catalog:
    """Open the catalogue of some settings to read it: a folder, or what is published at a URL."""
    cache_dir = settings.snapshot_path if is_url(settings.catalog) else None
    return Catalog.open(
        settings.catalog,
        create=False,
        read_only=True,
        cache_dir=cache_dir,
        follow_s=settings.follow_s,
        vectors=settings.vectors_url,
    )


@asynccontextmanager
async def open_resources(
    settings: Settings,
    *,
    catalog: Catalog | None = None,
    writer: Writer | None = None,
    tmdb: Tmdb | None = None,
    justwatch: JustWatch | None = None,
    metrics: Metrics | None = None,
    shared: Path | None = None,
) -> AsyncIterator[Resources]:
    """Open everything in order, and close it in the reverse.

    Parameters
    ----------
    settings : Settings
    catalog : Catalog, optional
        Already open, such as before a fork; closed here. By default that of the settings.
    writer : Writer, optional
        Of another process; by default the catalogue itself, unless it is read-only.
    tmdb, justwatch : optional
        Clients to use instead of those of the environment; opened and closed here.
    metrics : Metrics, optional
        Such as one whose observer the clients given have already.
    shared : Path, optional
        Folder of what the processes of this gateway share.
    """
    async with AsyncExitStack() as stack:
        metrics = metrics or Metrics(settings)
        tracing = open_tracing(settings)
        stack.push_async_callback(tracing.close)
        folder = None
        if catalog is None and settings.demo and not Path(settings.catalog).exists():
            made = tempfile.TemporaryDirectory(prefix="tv5-demo-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made)) / "catalog"
        opened = catalog
        if opened is None:
            opened = await asyncio.to_thread(partial(open_catalog, settings, folder))
        asynchronous = AsyncCatalog(opened, threads=settings.threads)
        stack.push_async_callback(asynchronous.close)
        cached = CachedCatalog.open(
            opened,
            settings.cache_path,
            freshness=settings.freshness,
            l1_bytes=settings.l1_bytes,
            l2_bytes=settings.l2_bytes,
            redis_url=settings.redis_url,
            policies=policies_of(settings),
            observer=metrics.observer,
        )
        await stack.enter_async_context(cached)
        resources = Resources(settings, opened, asynchronous, cached, metrics, tracing, writer)
        resources.shared = shared
        if writer is None and not settings.read_only:
            resources.writer = CatalogWriter(cached)
        if settings.cache_path is not None:
            resources.jobs = JobBoard(Path(f"{settings.cache_path}-jobs"))
        stack.push_async_callback(resources.jobs.close)
        await _open_providers(resources, stack, tmdb, justwatch)
        yield resources


async def _open_providers(
    resources: Resources, stack: AsyncExitStack, tmdb: Tmdb | None, justwatch: JustWatch | None
) -> None:
    settings = resources.settings
    if not settings.providers:
        return
    given = (settings, resources.observer, stack, resources.shared)
    resources.tmdb = (
        await open_tmdb(*given) if tmdb is None else await stack.enter_async_context(tmdb)
    )
    if justwatch is None:
        resources.justwatch = await open_justwatch(*given)
    elif justwatch.enabled:
        resources.justwatch = await stack.enter_async_context(justwatch)
