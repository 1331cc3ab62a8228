"""Where JustWatch is, and what may be asked of it."""

from __future__ import annotations

import os

from tv5core.upstream.provider import Provider

__all__ = ["JUSTWATCH_URL", "justwatch_provider"]

JUSTWATCH_URL = "https://apis.justwatch.com"
"""Where the API is; ``TV5_JUSTWATCH_URL`` in the environment overrides it."""

_CONTRACT, _RATE, _BURST = 10, 8.0, 2


def justwatch_provider(
    *,
    bulk_share: float = 0.2,
    base_url: str | None = None,
    rate: float = _RATE,
    burst: int = _BURST,
    contract: int = _CONTRACT,
) -> Provider:
    """Describe JustWatch: 10 requests in any second, no key.

    Parameters
    ----------
    bulk_share : float
        Part of the rate that bulk calls may take over any minute, above 0 and up to 1.
    base_url : str or None
        None takes ``TV5_JUSTWATCH_URL`` from the environment, else JustWatch's own.
    rate, burst, contract : float, int, int
        Requests a second, at once after a pause, and in any second; rate + burst <= contract.
    """
    own = base_url or os.environ.get("TV5_JUSTWATCH_URL") or ""
    return Provider(
        name="justwatch",
        base_url=own or JUSTWATCH_URL,
        contract=contract,
        rate=rate,
        burst=burst,
        bulk_share=bulk_share,
        allow_private=bool(own),
    )
