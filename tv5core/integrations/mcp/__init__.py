"""A read-only server of the Model Context Protocol over a film catalogue: ``tv5 mcp``.

Agents find titles, titles like a title, where to watch, recommendations, and counts. Answers are
bounded in count and bytes. What a catalogue says of its titles was written by strangers, so it
reaches a model as data: see ``fencing``.

It needs ``pip install 'tv5core[mcp]'``. Modules, in reading order:

``fencing``
    How text of the catalogue is told from instructions, and kept short.
``answers``
    Titles, offers and counts as small values.
``tools``
    The tools.
``server``
    The server over stdio, or over HTTP with its checks.
"""

from __future__ import annotations

from tv5core.integrations.requirements import missing

try:
    import mcp  # noqa: F401 - said first where it is missing
except ModuleNotFoundError as error:
    raise missing("mcp", error) from error

from tv5core.integrations.mcp.server import http_app, make_server, serve_http, serve_stdio

__all__ = ["http_app", "make_server", "serve_http", "serve_stdio"]
