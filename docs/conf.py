"""Sphinx configuration: MyST pages, furo, the API from docstrings. Builds offline."""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "tv5core"
author = "the tv5core authors"
release = version = version_of("tv5core")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"tv5core {version}"
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
# Types such as float32[n, dim] are for readers: no part of them is a name to link to.
napoleon_use_param = False
napoleon_use_rtype = False
myst_heading_anchors = 3

# Pages that are files of the checkout's root: each is written once and shown here as well.
ROOT = Path(__file__).parents[1]
PAGES = {
    "architecture": "ARCHITECTURE.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "format": "FORMAT.md",
}
_LINK = re.compile(r"\[([^]]+)\]\((?!https?:|#)([^)]+)\)")


def _target(match: re.Match[str]) -> str:
    """Point a link of a root file to its page here; where there is none, keep the words."""
    text, path = match.groups()
    pages = {file: f"{page}.md" for page, file in PAGES.items()}
    page = path.removeprefix("docs/") if path.startswith("docs/") else pages.get(path)
    return f"[{text}]({page})" if page else text


def _show_root_file(app: Sphinx, docname: str, content: list[str]) -> None:
    if docname in PAGES:
        path = ROOT / PAGES[docname]
        app.env.note_dependency(str(path))
        content[0] = _LINK.sub(_target, path.read_text("utf-8"))


def setup(app: Sphinx) -> None:
    """Connect what fills the pages of ``PAGES``."""
    app.connect("source-read", _show_root_file)
