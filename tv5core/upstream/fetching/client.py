"""The base of all clients: it owns a fetcher, and opens and closes with it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

from tv5core.upstream.fetching.decoding import convert, decode
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.fetching.omissions import record_omissions

__all__ = ["ProviderClient"]

T = TypeVar("T")


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

    def _decode(self, body: bytes, kind: type[T], label: str) -> T:
        """Decode a body; what is left out of it is counted as ``upstream.omitted``."""
        with record_omissions() as omitted:
            value = decode(body, kind, label)
        self.fetcher.count_omissions(omitted)
        return value

    def _convert(self, value: Any, kind: type[T], label: str) -> T:
        """Convert a decoded value, as :meth:`_decode` does."""
        with record_omissions() as omitted:
            converted = convert(value, kind, label)
        self.fetcher.count_omissions(omitted)
        return converted
