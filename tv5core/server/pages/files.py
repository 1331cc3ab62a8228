"""Files of the pages: a fixed table, read once from the package, each with its ETag.

A request names a row of the table; nothing it says becomes a path.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["PAGES", "STATIC", "StaticFile", "load_files"]

_CSS = "text/css"
_JAVASCRIPT = "text/javascript"
_HTML = "text/html"

PAGES = {"/": "index.html", "/live": "live.html"}
"""Pages by path."""

STATIC = {
    "icon.svg": "image/svg+xml",
    "base.css": _CSS,
    "search.css": _CSS,
    "live.css": _CSS,
    **dict.fromkeys(
        (
            "theme.js", "dom.js", "api.js", "state.js", "combobox.js", "posters.js", "results.js",
            "facets.js", "readings.js", "why.js", "trouble.js", "title.js", "search.js",
            "chart.js", "panels.js", "stream.js", "live.js",
        ),
        _JAVASCRIPT,
    ),
}  # fmt: skip
"""Types of the files below ``/static/``, by name."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent.

    Attributes
    ----------
    body : bytes
    content_type : str
    etag : str
        Weak: the same for every way of compressing it.
    """

    body: bytes
    content_type: str
    etag: str


def load_files(image_origins: Iterable[str]) -> Mapping[str, StaticFile]:
    """Read every file of the table.

    Parameters
    ----------
    image_origins : iterable of str
        Origins of posters, as ``https://image.tmdb.org``; the search page is told of them.

    Returns
    -------
    dict of str to StaticFile
        By path: ``/``, ``/live``, ``/static/base.css`` and so on.
    """
    origins = html.escape(" ".join(image_origins)).encode()
    found = {path: _load(name, _HTML, origins) for path, name in PAGES.items()}
    found.update({f"/static/{name}": _load(name, type_) for name, type_ in STATIC.items()})
    return found


def _load(name: str, content_type: str, image_origins: bytes = b"") -> StaticFile:
    body = files(__package__).joinpath("static", name).read_bytes()
    if content_type == _HTML:
        body = body.replace(b"{{image_origins}}", image_origins)
    etag = hashlib.blake2b(body, digest_size=12).hexdigest()
    return StaticFile(body, content_type, f'W/"{etag}"')
