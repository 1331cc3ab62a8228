"""Where TMDB is, and what may be asked of it."""

from __future__ import annotations

import os

from yarl import URL

from tv5core.errors import CredentialsError
from tv5core.upstream.provider import Credentials, Provider

__all__ = ["TMDB_FILES_URL", "TMDB_URL", "tmdb_provider"]

TMDB_URL = "https://api.themoviedb.org/3"
"""Where the API is; ``TV5_TMDB_URL`` in the environment overrides it."""
TMDB_FILES_URL = "https://files.tmdb.org"
"""Where the exports are; ``TV5_TMDB_FILES_URL`` in the environment overrides it."""

# TMDB says about 50 a second. Rate and burst together keep any second within it.
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
    """Describe TMDB, or a mirror of it.

    Parameters
    ----------
    bulk_share : float
        Part of the rate that bulk calls may take over any minute, above 0 and up to 1.
    credentials : Credentials or None
        None takes a bearer token from ``TMDB_BEARER_TOKEN`` or a key from ``TMDB_API_KEY``, or
        from the files that ``TMDB_BEARER_TOKEN_FILE`` and ``TMDB_API_KEY_FILE`` name.
    base_url, files_url : str or None
        None takes ``TV5_TMDB_URL`` and ``TV5_TMDB_FILES_URL`` from the environment, else TMDB's
        own. Who gives another address may also mean one that is not public, without TLS or key.
    rate, burst, contract : float, int, int
        Requests a second, at once after a pause, and in any second; rate + burst <= contract.

    Raises
    ------
    CredentialsError
        There is no key.
    InvalidInputError
        An address or a key cannot be one.
    """
    keys = credentials or Credentials.from_environment(
        bearer="TMDB_BEARER_TOKEN", api_key="TMDB_API_KEY"
    )
    own = base_url or os.environ.get("TV5_TMDB_URL") or ""
    files = files_url or os.environ.get("TV5_TMDB_FILES_URL") or (_origin(own) if own else "")
    if not keys and not own:
        raise CredentialsError(
            "expected a key of TMDB's in TMDB_BEARER_TOKEN or TMDB_API_KEY (or in a file named by "
            "TMDB_BEARER_TOKEN_FILE or TMDB_API_KEY_FILE), got none"
        )
    return Provider(
        name="tmdb",
        base_url=own or TMDB_URL,
        files_base_url=files or TMDB_FILES_URL,
        contract=contract,
        rate=rate,
        burst=burst,
        bulk_share=bulk_share,
        credentials=keys,
        allow_private=bool(own),
    )


def _origin(url: str) -> str:
    """Return the address of the host alone: a mirror has the exports beside its API."""
    return str(URL(url).with_path("/"))
