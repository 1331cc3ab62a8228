"""``/healthz``: the process answers. ``/readyz``: it can answer what it is for."""

from __future__ import annotations

import asyncio

from tv5core.errors import Tv5Error
from tv5core.server.api.answers import Health
from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.queries import NoQuery
from tv5core.server.resources import Resources

__all__ = ["healthz", "readyz"]


async def healthz(_: Call[NoQuery, None]) -> Reply:
    """Say that the process answers."""
    return Reply(Health("ok"))


async def readyz(call: Call[NoQuery, None]) -> Reply:
    """Say whether the catalogue answers and requests are welcome."""
    checks = await asyncio.to_thread(_checks, call.resources)
    failed = any(value != "ok" for value in checks.values())
    return Reply(Health("failing" if failed else "ok", checks), status=503 if failed else 200)


def _checks(resources: Resources) -> dict[str, str]:
    checks = {"requests": "ok" if resources.ready else "draining"}
    try:
        resources.catalog.count()
        checks["catalog"] = "ok"
    except Tv5Error as error:
        checks["catalog"] = type(error).__name__
    return checks
