"""Results in notebooks, with titles that are not trusted."""

from __future__ import annotations

import pytest

from tv5core.results import SearchResult, Total
from tv5core.types import Hit, Title


def made(**fields: object) -> SearchResult:
    title = Title("a<b", "movie", "<script>x</script>", **fields)  # type: ignore[arg-type]
    return SearchResult((Hit("a<b", 0.5, title, 0.25),), Total(7), did_you_mean="<i>")


def test_what_a_title_holds_is_escaped() -> None:
    html = made(overview="<img src=x onerror=y>" * 20, year=1999)._repr_html_()
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;x" in html
    assert "<i>" not in html
    assert "a&lt;b" in html
    assert "0.25" in html


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/p.jpg", "https://image.tmdb.org/t/p/w92/p.jpg"),
        ('https://x/"><script>', "https://x/&quot;&gt;&lt;script&gt;"),
        ("http://x/p.jpg", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_posters_by_https_only(path: str, shown: str) -> None:
    html = made(poster_path=path)._repr_html_()
    assert (f'src="{shown}"' in html) == bool(shown)
    assert ("<img" in html) == bool(shown)


def test_a_result_says_what_it_is() -> None:
    assert repr(made(year=1999)) == (
        "<SearchResult: 1 of 7 hits in 0.0 ms, did you mean '<i>': <script>x</script> (1999)>"
    )
    assert repr(SearchResult()).startswith("<SearchResult: 0 of 0 hits")
