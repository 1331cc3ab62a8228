"""Identical requests in flight, when something inside one is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tv5core.errors import UnreachableError
from tv5core.upstream.fetching.single_flight import SingleFlight


def test_a_request_in_which_something_is_cancelled_has_failed() -> None:
    async def send(_: Any) -> Any:
        raise asyncio.CancelledError

    async def work() -> None:
        single_flight = SingleFlight()
        async with asyncio.timeout(60):
            with pytest.raises(UnreachableError, match="got a cancelled request"):
                await single_flight.do("key", cast(Any, None), send)

    asyncio.run(work())
