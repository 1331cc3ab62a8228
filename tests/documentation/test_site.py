"""The built site: links lead somewhere, nothing comes from elsewhere, models get all of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.documentation.pages import CHECKOUT

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Parts(HTMLParser):
    """What a page links to, loads, and can be linked to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") != "canonical":
            self.loaded.append(given[LOADED[tag]])


def parts_of(site: Path) -> dict[Path, Parts]:
    return {page: Parts(page) for page in site.rglob("*.html")}


def test_internal_links_lead_to_pages_and_headings(site: Path) -> None:
    parts = parts_of(site)
    broken = []
    for page, part in parts.items():
        for link in part.links:
            target = urlsplit(link)
            if target.scheme:
                continue
            path = (page.parent / unquote(target.path)).resolve() if target.path else page
            known = parts[path].anchors if path in parts else {""}
            if not path.exists() or unquote(target.fragment) not in known:
                broken.append((str(page.relative_to(site)), link))
    assert len(parts) > 40
    assert not broken


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page, part in parts_of(site).items():
        assert not [one for one in part.loaded if urlsplit(one).netloc], page
    for style in site.rglob("*.css"):
        assert not re.findall(
            r"(?:url\(|@import )['\"]?(?:https?:)?//", style.read_text("utf-8")
        ), style


def test_every_page_can_be_reached_from_the_first(site: Path) -> None:
    parts = parts_of(site)
    seen, todo = set(), [site / "index.html"]
    while todo:
        page = todo.pop()
        if page in parts and page not in seen:
            seen.add(page)
            links = (urlsplit(link) for link in parts[page].links)
            todo += [(page.parent / one.path).resolve() for one in links if not one.scheme]
    made = {"genindex.html", "py-modindex.html", "search.html"}
    assert {page.name for page in parts.keys() - seen} <= made


def test_models_get_every_page(site: Path) -> None:
    listed = (site / "llms.txt").read_text("utf-8")
    whole = (site / "llms-full.txt").read_text("utf-8")
    pages = [path.relative_to(CHECKOUT / "docs") for path in CHECKOUT.glob("docs/**/*.md")]
    for page in (path for path in pages if path.parts[0] not in ("_build", "_pictures")):
        address = str(page.with_suffix(".html"))
        assert (page.stem == "index" and page.parent == Path()) or f"({address})" in listed, page
    assert re.match(r"# tv5core\n\n> [^\n]+\n\n## ", listed)
    assert re.findall(r"\]\(([^)]+)\)", listed) == re.findall(
        r"^<!-- (\S+) -->$", whole, re.MULTILINE
    )
    assert "from tv5core import Catalog" in whole


def test_the_site_has_its_pictures(site: Path) -> None:
    page = (site / "guide/benchmarks.html").read_text("utf-8")
    names = set(re.findall(r"_images/([\w-]+)\.svg", page))
    assert {"speed-100k-light", "speed-100k-dark", "relevance-light"} <= names
    for name in names:
        assert (site / f"_images/{name}.svg").stat().st_size > 1_000
