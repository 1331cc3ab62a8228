"""TMDB as a provider: addresses, limits and keys."""

from __future__ import annotations

import os

from yarl import URL

from tv5core.errors import CredentialsError
from tv5core.upstream.provider import Credentials, Provider

__all__ = ["TMDB_FILES_URL", "TMDB_URL", "tmdb_provider"]

TMDB_URL = "https://api.themoviedb.org/3"
"""Address of the API; the environment variable ``TV5_TMDB_URL`` overrides it."""
TMDB_FILES_URL = "https://files.tmdb.org"
"""Address of the exports; the environment variable ``TV5_TMDB_FILES_URL`` overrides it."""

# TMDB allows about 50 requests per second. Rate and burst together keep any second within that.
_CONTRACT, _RATE, _BURST = 50, 45.0, 5


def tmdb_provider(
    *,
    bulk_share: float = 0.2,
    credentials: Credentials | None = None,
    base_url: str | None = None,
    files_url: str | None = None,
    rate: float = _RATE,
    burst: int = _BURST,
    contract: int = _CONTRACT,
) -> Provider:
    """Return TMDB, or a mirror of it, as a provider.

    Parameters
    ----------
    bulk_share : float
        Part of the rate that bulk calls may take over any minute, above 0 and up to 1.
    credentials : Credentials or None
        None reads a bearer token from ``TMDB_BEARER_TOKEN`` or a key from ``TMDB_API_KEY``, or
        from the files that ``TMDB_BEARER_TOKEN_FILE`` and ``TMDB_API_KEY_FILE`` name.
    base_url, files_url : str or None
        None reads ``TV5_TMDB_URL`` and ``TV5_TMDB_FILES_URL``, else uses TMDB's own. Any other
        base URL may be a private address, without TLS and without a key.
    rate, burst, contract : float, int, int
        Requests per second in the long run, at once after an idle time, and allowed in any
        second; ``rate + burst <= contract``.

    Raises
    ------
    CredentialsError
        No key is set.
    InvalidInputError
        An address or a key is malformed.
    """
    keys = credentials or Credentials.from_environment(
        bearer="TMDB_BEARER_TOKEN", api_key="TMDB_API_KEY"
    )
    custom = base_url or os.environ.get("TV5_TMDB_URL") or ""
    files = files_url or os.environ.get("TV5_TMDB_FILES_URL") or (_origin(custom) if custom else "")
    if not keys and not custom:
        raise CredentialsError(
            "expected a key for TMDB in TMDB_BEARER_TOKEN or TMDB_API_KEY (or in a file named by "
            "TMDB_BEARER_TOKEN_FILE or TMDB_API_KEY_FILE), got none"
        )
    return Provider(
        name="tmdb",
        base_url=custom or TMDB_URL,
        files_base_url=files or TMDB_FILES_URL,
        contract=contract,
        rate=rate,
        burst=burst,
        bulk_share=bulk_share,
        credentials=keys,
        allow_private=bool(custom),
    )


def _origin(url: str) -> str:
    """Return the address of the host alone; a mirror serves the exports beside its API."""
    return str(URL(url).with_path("/"))
