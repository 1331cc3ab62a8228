"""Sphinx configuration: MyST pages, furo, the API from docstrings. Builds offline."""

from __future__ import annotations

import re
import sys
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
html_show_sourcelink = False
html_copy_source = False
exclude_patterns = ["_build", "_pictures/*.md"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
# Types such as float32[n, dim] are for readers: no part of them is a name to link to.
napoleon_use_param = False
napoleon_use_rtype = False
myst_heading_anchors = 3
# Shapes in types, float32[n, dim], are for readers: "dim" is no name to choose a target for.
suppress_warnings = ["ref.python"]

# Pages that are files of the checkout's root: each is written once and shown here as well.
ROOT = Path(__file__).parents[1]
PAGES = {
    "architecture": "ARCHITECTURE.md",
    "changelog": "CHANGELOG.md",
    "measurements": "benchmarks/README.md",
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


# Drawn from the tables of benchmarks/README.md, so that no picture can say anything else.
PICTURES = ROOT / "docs/_pictures"


def _draw(_: Sphinx) -> None:
    """Draw the benchmarks; write the fragment that shows those there are."""
    sys.path.append(str(ROOT))  # last: an installed tv5core goes first
    from benchmarks.report import pictures

    names = pictures.draw_all((ROOT / "benchmarks/README.md").read_text("utf-8"), PICTURES)
    shown = [_shown(name, pictures.PICTURES[name][0]) for name in names]
    (PICTURES / "all.md").write_text("\n".join(shown), "utf-8")


def _shown(name: str, caption: str) -> str:
    images = [
        f"```{{image}} /_pictures/{name}-{theme}.svg\n:class: only-{theme}\n:alt: {caption}\n```\n"
        for theme in ("light", "dark")
    ]
    return f"### {caption}\n\n" + "\n".join(images)


def _write_llms(app: Sphinx, failed: Exception | None) -> None:
    """Write what language models read: ``llms.txt`` with all pages, ``llms-full.txt`` whole."""
    if failed is None and app.builder.name == "html":
        sys.path.append(str(ROOT / "docs"))
        import llms

        llms.write(app)


def setup(app: Sphinx) -> None:
    """Connect what fills the pages of ``PAGES``, draws pictures, and writes for models."""
    app.connect("builder-inited", _draw)
    app.connect("source-read", _show_root_file)
    app.connect("build-finished", _write_llms)
