"""Ids from iterables, text files and sitemaps."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tv5core.cache.warming.id_sources import id_from_url, ids_from
from tv5core.errors import InvalidInputError

SITEMAP = """\ufeff<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="urn:image">
 <url><loc> https://films.example/title/tmdb%3Amovie%3A603?x=1 </loc>
      <i:image><i:loc>https://films.example/poster.jpg</i:loc></i:image></url>
 <url><lastmod>2026-01-01</lastmod><loc>https://films.example/title/a&amp;b/</loc></url>
 <url><loc>https://films.example/</loc></url>
 <url><loc></loc></url>
</urlset>"""


BOMB = """<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>"""


OUTSIDE = """<!DOCTYPE urlset [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<urlset><url><loc>&a;</loc></url></urlset>"""


@pytest.mark.parametrize("packed", [False, True])
def test_a_sitemap_gives_the_last_part_of_each_page(tmp_path: Path, packed: bool) -> None:
    data = SITEMAP.encode()
    path = tmp_path / "sitemap"
    path.write_bytes(gzip.compress(data) if packed else data)
    assert list(ids_from(path)) == ["tmdb:movie:603", "a&b"]
    assert list(ids_from(str(path), lambda url: url[-3:])) == ["x=1", "&b/", "le/"]


def test_a_long_sitemap_is_read_as_a_stream(tmp_path: Path) -> None:
    urls = "".join(f"<url><loc>https://x.example/t/{n}</loc></url>" for n in range(20_000))
    (tmp_path / "s").write_text(f"<urlset>{urls}</urlset>", "utf-8")
    assert list(ids_from(tmp_path / "s")) == [str(n) for n in range(20_000)]


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("<sitemapindex><sitemap><loc>x</loc></sitemap></sitemapindex>", "sitemap index"),
        ("<html></html>", "got html"),
        ("<urlset><url><loc>x</loc>", "expected a sitemap"),
        ("<urlset>&undefined;</urlset>", "expected a sitemap"),
        (f"<urlset><url><loc>{'x' * 3_000}</loc></url></urlset>", "characters"),
        ("<urlset>" + "<a>" * 50, "deep"),
        (b"id\n\xff\xfe\n", "UTF-8 in line 2"),
        (b"\x1f\x8bnot gzip", "expected a file"),
        (None, "expected a file"),
    ],
)
def test_what_is_no_source_is_refused(
    tmp_path: Path, content: str | bytes | None, got: str
) -> None:
    path = tmp_path / "source"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidInputError, match=got):
        list(ids_from(path))


def test_files_of_ids_and_iterables(tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(b"\xef\xbb\xbf# liked\r\n tmdb:movie:1 \r\n\r\nb\n")
    assert list(ids_from(tmp_path / "ids")) == ["tmdb:movie:1", "b"]
    assert list(ids_from(iter(["a", "b", "a"]))) == ["a", "b", "a"]
    with pytest.raises(InvalidInputError, match="got int"):
        list(ids_from(["a", 3]))  # type: ignore[list-item]
    assert id_from_url("https://[broken") is None
