"""Handlers of ``/openapi.json`` and ``/docs``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.docs import docs_page, docs_policy
from tv5core.server.api.openapi import describe
from tv5core.server.api.routing import Route

__all__ = ["describing"]

_KEPT = {"Cache-Control": "public, max-age=300"}


def describing(routes: Sequence[Route]) -> tuple[Route, ...]:
    """Return the routes that describe all routes, themselves too."""
    described: dict[str, bytes] = {}

    async def openapi(_: Call[object, None]) -> Reply:
        return Reply(described["json"], headers=_KEPT)

    async def docs(_: Call[object, None]) -> Reply:
        headers = {**_KEPT, "Content-Security-Policy": docs_policy()}
        return Reply(described["html"], content_type="text/html", headers=headers)

    own = (
        Route("GET", "/openapi.json", openapi, "This description", dict, access="operator"),
        Route("GET", "/docs", docs, "The routes", str, access="operator", content_type="text/html"),
    )
    whole = describe((*routes, *own))
    described["json"] = msgspec.json.encode(whole)
    described["html"] = docs_page(whole)
    return own
