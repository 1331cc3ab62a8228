"""JustWatch as a provider: address and limits."""

from __future__ import annotations

import os

from tv5core.upstream.provider import Provider

__all__ = ["JUSTWATCH_URL", "justwatch_provider"]

JUSTWATCH_URL = "https://apis.justwatch.com"
"""Address of the API; the environment variable ``TV5_JUSTWATCH_URL`` overrides it."""

_CONTRACT, _RATE, _BURST = 10, 8.0, 2


def justwatch_provider(
    *,
    bulk_share: float = 0.2,
    base_url: str | None = None,
    rate: float = _RATE,
    burst: int = _BURST,
    contract: int = _CONTRACT,
) -> Provider:
    """Return JustWatch as a provider: 10 requests in any second, no key.

    Parameters
    ----------
    bulk_share : float
        Part of the rate that bulk calls may take over any minute, above 0 and up to 1.
    base_url : str or None
        None reads ``TV5_JUSTWATCH_URL``, else uses JustWatch's own. Any other base URL may be a
        private address, without TLS.
    rate, burst, contract : float, int, int
        Requests per second in the long run, at once after an idle time, and allowed in any
        second; ``rate + burst <= contract``.
    """
    custom = base_url or os.environ.get("TV5_JUSTWATCH_URL") or ""
    return Provider(
        name="justwatch",
        base_url=custom or JUSTWATCH_URL,
        contract=contract,
        rate=rate,
        burst=burst,
        bulk_share=bulk_share,
        allow_private=bool(custom),
    )
