"""The base of all clients: it owns a fetcher, and opens and closes with it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tv5core.upstream.fetching.fetcher import Fetcher

__all__ = ["ProviderClient"]


class ProviderClient:
    """Client of one provider; used as ``async with``.

    Parameters
    ----------
    fetcher : Fetcher
        Of the provider. The client owns it: it opens and closes with the client.
    language : str
        Language of titles and texts.
    """

    def __init__(self, fetcher: Fetcher, *, language: str) -> None:
        self.fetcher, self.language = fetcher, language

    async def __aenter__(self) -> Self:
        self.fetcher.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel all calls, whose callers get a ClosedError, and close the connections."""
        await self.fetcher.close()
