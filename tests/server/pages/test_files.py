"""The table of files: complete, current, and strict about what a page may load."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from tests.server.conftest import make_settings
from tests.server.pages.conftest import static_folder
from tv5core.errors import InvalidInputError
from tv5core.server.metrics import Figures
from tv5core.server.pages import add_pages
from tv5core.server.pages.files import PAGES, STATIC
from tv5core.server.pages.headers import page_headers

Client = TestClient[web.Request, web.Application]
PATHS = [*PAGES, *(f"/static/{name}" for name in STATIC)]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application()
    add_pages(
        app, lambda now: Figures(time=now, started_at=0.0), image_origins=["https://a.example"]
    )
    async with TestClient(TestServer(app)) as client:
        yield client


def test_the_table_has_every_file() -> None:
    assert {path.name for path in static_folder().iterdir()} == {*STATIC, *PAGES.values()}


@pytest.mark.parametrize("path", PATHS)
async def test_a_file_is_sent_once(client: Client, path: str) -> None:
    first = await client.get(path)
    assert first.status == 200
    assert len(await first.read()) > 100
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert "charset=utf-8" in first.headers["Content-Type"]
    again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
    other = await client.get(path, headers={"If-None-Match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/nothing.js", "/static/../files.py", "/static/%2e%2e/files.py", "/static/",
        "/static/..%2ffiles.py", "/static/static/base.css", "/static/index.html", "/live.html",
        "/static/%00", "/static//etc/passwd",
    ],
)  # fmt: skip
async def test_nothing_else_is_sent(client: Client, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        url = URL(f"{client.make_url('/')}{path[1:]}", encoded=True)
        async with session.get(url) as answer:
            assert answer.status == 404


async def test_files_refer_only_to_files_of_the_table(client: Client) -> None:
    known = {*PATHS, "/live", "/docs", "/v1/search", "/live/state", "#main"}
    for name in PAGES.values():
        markup = (static_folder() / name).read_text("utf-8")
        assert set(re.findall(r'(?:href|src|action)="([^"]*)"', markup)) <= known
    for script in static_folder().glob("*.js"):
        for name in re.findall(r'from "([^"]*)"', script.read_text("utf-8")):
            assert name.removeprefix("./") in STATIC


def test_the_policy_allows_no_inline_code_and_no_markup_from_text() -> None:
    policy = page_headers(["https://a.example"])["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["img-src"] == "'self' https://a.example"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["trusted-types"] == "'none'"


def test_pages_have_nothing_inline_and_scripts_write_no_markup() -> None:
    for name in PAGES.values():
        markup = (static_folder() / name).read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", markup)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", markup)
    for script in static_folder().glob("*.js"):
        text = script.read_text("utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
        )


@pytest.mark.parametrize("origin", ["*", "ftp://a", "https://a;script-src *", "https://a/b", "a"])
def test_an_origin_of_images_is_one_origin(origin: str) -> None:
    with pytest.raises(InvalidInputError, match="image_origins"):
        make_settings(image_origins=[origin])


def _luminance(colour: str) -> float:
    code = colour.lstrip("#")
    code = "".join(digit * 2 for digit in code) if len(code) == 3 else code
    parts = [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    """Return the contrast of WCAG 2.2, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [":root {", ':root[data-theme="dark"] {'])
def test_contrasts_are_aa(theme: str) -> None:
    css = (static_folder() / "base.css").read_text("utf-8")
    block = css[css.index(theme) :].split("}", 1)[0]
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})", block))
    for text in ("text", "quiet", "accent", "good", "warn", "bad", "p50", "p95", "p99"):
        for ground in ("ground", "surface", "raised"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert _contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert _contrast(colours["text"], colours["mark"]) >= 4.5
    assert _contrast(colours["bad"], colours["ground"]) >= 4.5
    for ground in ("ground", "surface"):  # edges of what can be used
        assert _contrast(colours["edge-strong"], colours[ground]) >= 3
