"""A gateway over the shipped titles, on a free port of loopback."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.upstream.clients import tmdb_client, tmdb_server
from tests.upstream.standin.server import Standin
from tests.upstream.standin.tmdb import TmdbContent
from tv5core import Catalog
from tv5core.data import demo_titles
from tv5core.server.app import make_app, make_runner
from tv5core.server.resources import Resources, open_resources
from tv5core.server.settings import Settings

TOKEN = "a-token-for-tests"
SECRET = "a-secret-for-tests"


@dataclass
class Gateway:
    """A running gateway, and a client of it."""

    url: str
    resources: Resources
    session: aiohttp.ClientSession
    port: int
    provider: Standin | None

    async def get(self, path: str, **options: Any) -> tuple[aiohttp.ClientResponse, Any]:
        """Get a path; return the response and its decoded body."""
        return await self.ask("GET", path, **options)

    async def post(self, path: str, **options: Any) -> tuple[aiohttp.ClientResponse, Any]:
        """Post to a path; return the response and its decoded body."""
        return await self.ask("POST", path, **options)

    async def ask(
        self, method: str, path: str, **options: Any
    ) -> tuple[aiohttp.ClientResponse, Any]:
        """Send a request; return the response and its decoded body."""
        async with self.session.request(method, self.url + path, **options) as response:
            body = await response.read()
            is_json = "json" in response.content_type
            return response, (await response.json(content_type=None) if is_json and body else body)


Start = Callable[..., Any]


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed catalogue of the shipped titles."""
    folder = tmp_path_factory.mktemp("sealed") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles())
        catalog.seal()
    return folder


@asynccontextmanager
async def running(
    folder: Path, *, provider: Standin | None = None, **settings: Any
) -> AsyncIterator[Gateway]:
    """Run a gateway over a catalogue, and a client of it."""
    given: dict[str, Any] = {"port": 0, "admin_token": TOKEN, "hook_secret": SECRET}
    given |= {"client_rate": 0.0, "request_timeout_s": 60.0}  # tests share a busy machine
    checked = make_settings(catalog=str(folder), **{**given, **settings})
    async with AsyncExitStack() as stack:
        tmdb = None if provider is None else tmdb_client(provider)
        resources = await stack.enter_async_context(open_resources(checked, tmdb=tmdb))
        runner = make_runner(make_app(checked, resources), checked, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        session = aiohttp.ClientSession(auto_decompress=True)
        await stack.enter_async_context(session)
        yield Gateway(f"http://127.0.0.1:{port}", resources, session, port, provider)


def make_settings(**given: Any) -> Settings:
    """Return settings as the command line would give them."""
    from tv5core.server.setting_sources import load_settings

    return load_settings(given, environment={})


@pytest.fixture
def folder(sealed: Path, tmp_path: Path) -> Path:
    """A copy of the catalogue, to change."""
    return Path(shutil.copytree(sealed, tmp_path / "films"))


@pytest.fixture
async def provider() -> AsyncIterator[Standin]:
    """A stand-in for TMDB that knows the shipped titles and 200 more."""
    async with tmdb_server(TmdbContent(500)) as server:
        yield server


@pytest.fixture
async def gateway(folder: Path, provider: Standin) -> AsyncIterator[Gateway]:
    """A gateway over the shipped titles, with a stand-in for TMDB; it waits for it for long."""
    waits = dict.fromkeys(("live_deadline_s", "offers_deadline_s", "unknown_deadline_s"), 8.0)
    async with running(folder, provider=provider, **waits) as gateway:
        yield gateway


@pytest.fixture
async def alone(folder: Path) -> AsyncIterator[Gateway]:
    """A gateway over the shipped titles, without providers."""
    async with running(folder, providers=False) as gateway:
        yield gateway
