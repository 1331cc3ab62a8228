"""A real Chromium, and gateways in threads for it to look at."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from tests.server.conftest import make_settings
from tests.server.pages.titles import HOSTILE, POSTER, SVG
from tv5core import Catalog
from tv5core.data import demo_titles
from tv5core.server.app import make_app, make_runner
from tv5core.server.metrics import Figures
from tv5core.server.pages import add_pages
from tv5core.server.resources import open_resources

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-sync "
    "--disable-component-update --no-first-run --hide-scrollbars --window-size=1400,900"
).split()
WAIT_S = 8.0
T = TypeVar("T")


def until(condition: Callable[[], T], wait_s: float = WAIT_S) -> T:
    """Ask until something is true; return it."""
    from selenium.common.exceptions import WebDriverException

    ends = time.monotonic() + wait_s
    while True:
        error: Exception | None = None
        try:
            if found := condition():
                return found
        except WebDriverException as raised:  # elements that were just replaced
            error = raised
        if time.monotonic() > ends:
            raise AssertionError(f"expected it within {wait_s} s") from error
        time.sleep(0.02)


class Browser:
    """A window, and what tests ask of it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Open a page, and wait until its script has run."""
        self.driver.get(url)
        until(lambda: self.run("return document.documentElement.dataset.ready === 'true'"))

    def run(self, script: str, *given: Any) -> Any:
        """Run a script."""
        return self.driver.execute_script(script, *given)

    def text(self, selector: str) -> str:
        """Return the text that is shown."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def attribute(self, selector: str, name: str) -> Any:
        """Return an attribute in one step: a page may replace its elements between two."""
        script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1])"
        return self.run(script, selector, name)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all that match."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())"
        return self.run(script, selector)

    def one(self, selector: str) -> Any:
        """Return an element."""
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        """Click an element once it is there."""
        until(lambda: self.one(selector).click() or True)

    def click_text(self, selector: str, text: str) -> None:
        """Click the first of those that match with this text."""

        def find() -> bool:
            for found in self.driver.find_elements("css selector", selector):
                if text in found.text:
                    found.click()
                    return True
            return False

        until(find)

    def keys(self, *keys: str) -> None:
        """Press keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    @property
    def query(self) -> str:
        """The address behind the path."""
        return self.run("return decodeURIComponent(location.search.replaceAll('+', ' '))")

    def names(self) -> list[str]:
        """Return the names of the titles that are listed."""
        return self.texts("#results h3")

    def settled(self, name: str) -> list[str]:
        """Wait for a title first in the list; return all names."""
        until(lambda: self.names()[:1] == [name])
        return self.names()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests."""
    selenium = pytest.importorskip("selenium.webdriver")
    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(paths):
        pytest.skip("chromium and chromedriver are not installed")
    from selenium.webdriver.chrome.service import Service

    os.environ["SE_OFFLINE"] = "true"
    options = selenium.ChromeOptions()
    options.binary_location = str(paths[0])
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=Service(str(paths[1])))
    yield Browser(driver)
    driver.quit()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser on an empty page; what its console says at the end are errors."""
    chromium.driver.get("about:blank")
    chromium.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    chromium.driver.get_log("browser")
    yield chromium
    logged = [entry["message"] for entry in chromium.driver.get_log("browser")]
    # Statuses that a test asked for are logged as well; what the pages do wrong is not a status.
    wrong = [one for one in logged if "Failed to load resource" not in one]
    assert not wrong, wrong


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def serving(start: Callable[[AsyncExitStack], Any]) -> Iterator[None]:
    """Run a server in a thread with a loop of its own; ``start`` opens it on a stack."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()
    failed: list[BaseException] = []

    async def main() -> None:
        async with AsyncExitStack() as stack:
            try:
                await start(stack)
            except BaseException as error:
                failed.append(error)
                raise
            finally:
                ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    ready.wait()
    try:
        if failed:
            raise failed[0]
        yield
    finally:
        if not failed:
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def listen(stack: AsyncExitStack, runner: web.AppRunner, port: int) -> None:
    """Serve an application until the stack closes."""
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port).start()


@dataclass
class Site:
    """A gateway over the shipped titles and a hostile one.

    ``trouble`` holds responses to give instead of the next searches; ``delays`` seconds to wait
    before answering a suggestion for a text; ``seen`` the paths and referrers of requests.
    """

    url: str
    trouble: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    delays: dict[str, float] = field(default_factory=dict)
    seen: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One gateway for all tests of the search page; none of them changes titles."""
    folder = tmp_path_factory.mktemp("pages") / "films"
    port = free_port()
    site = Site(f"http://127.0.0.1:{port}")
    with Catalog.open(folder) as catalog:
        catalog.add([*demo_titles(), *HOSTILE(site.url)])
        catalog.seal()

    @web.middleware
    async def meddle(request: web.Request, handler: Any) -> web.StreamResponse:
        site.seen.append((request.path_qs, request.headers.get("Referer")))
        if request.path == "/v1/search" and site.trouble:
            status, headers = site.trouble.popleft()
            return web.json_response(
                {"title": "T", "status": status}, status=status, headers=headers
            )
        if request.path == "/v1/suggest":
            await asyncio.sleep(site.delays.get(request.query.get("q", ""), 0.0))
        return await handler(request)

    async def poster(_: web.Request) -> web.Response:
        return web.Response(body=SVG, content_type="image/svg+xml")

    async def start(stack: AsyncExitStack) -> None:
        settings = make_settings(
            catalog=str(folder), providers=False, client_rate=0.0, image_origins=[site.url]
        )
        resources = await stack.enter_async_context(open_resources(settings))
        app = make_app(settings, resources)
        app.middlewares.insert(0, meddle)
        app.router.add_get(POSTER, poster)
        await listen(stack, make_runner(app, settings, shutdown_timeout=0.2), port)

    with serving(start):
        yield site


@pytest.fixture
def site(shared_site: Site) -> Site:
    """A gateway, as if new."""
    shared_site.trouble.clear()
    shared_site.delays.clear()
    shared_site.seen.clear()
    return shared_site


Read = Callable[[float], Figures]


@contextmanager
def live_site(read: Read, port: int, **options: Any) -> Iterator[str]:
    """Serve the pages alone, with these figures."""

    async def start(stack: AsyncExitStack) -> None:
        app = web.Application()
        add_pages(app, read, interval_s=0.1, **options)
        await listen(stack, web.AppRunner(app, shutdown_timeout=0.2), port)

    with serving(start):
        yield f"http://127.0.0.1:{port}"


def static_folder() -> Path:
    """Return the folder of the pages' files."""
    import tv5core.server.pages

    return Path(str(tv5core.server.pages.__file__)).parent / "static"
