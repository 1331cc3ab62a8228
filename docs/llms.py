"""Write ``llms.txt``, and ``llms-full.txt``: the documentation for language models.

See https://llmstxt.org: a title, a summary, then the pages by section, each with a sentence.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

__all__ = ["write"]

_COMMENT = re.compile(r"^<!--.*?-->\n*", re.DOTALL | re.MULTILINE)


def write(app: Sphinx) -> None:
    """Write both files beside the pages."""
    folder = Path(app.outdir)
    lines = [f"# {app.config.project}", "", f"> {_sentences(app, 'index')}", ""]
    full = list(lines)
    for caption, pages in _sections(app):
        lines += [f"## {caption}", ""]
        for page in pages:
            title = app.env.titles[page].astext()
            summary = _sentences(app, page)
            lines.append(f"- [{title}]({page}.html)" + (f": {summary}" if summary else ""))
            full += [f"<!-- {page}.html -->", "", _text(app, page).strip(), ""]
        lines.append("")
    (folder / "llms.txt").write_text("\n".join(lines), "utf-8")
    (folder / "llms-full.txt").write_text("\n".join(full), "utf-8")


def _sections(app: Sphinx) -> Iterator[tuple[str, list[str]]]:
    """Yield the captions of the first page's tables of contents, with all pages below each."""
    for tree in app.env.get_doctree("index").findall(addnodes.toctree):
        some: list[str] = []
        for _, page in tree["entries"]:
            some += [page, *_below(app, page)]
        yield tree["caption"], some


def _below(app: Sphinx, page: str) -> Iterator[str]:
    for child in app.env.toctree_includes.get(page, []):
        yield child
        yield from _below(app, child)


def _sentences(app: Sphinx, page: str) -> str:
    """Return the first two sentences of a page's first paragraph outside tables."""
    for paragraph in app.env.get_doctree(page).findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            text = paragraph.astext().replace("\n", " ")
            return " ".join(re.split(r"(?<=[.!?]) ", text)[:2]).rstrip(":")
    return ""


def _text(app: Sphinx, page: str) -> str:
    """Return a page as it is written; reference pages, which are made of docstrings, as text."""
    if page.startswith("api/"):
        return app.env.get_doctree(page).astext()
    content = [Path(app.env.doc2path(page)).read_text("utf-8")]
    app.emit("source-read", page, content)
    return _COMMENT.sub("", content[0])
