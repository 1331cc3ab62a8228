"""Who asks: the owner of a known key, else an address.

An unknown key counts as none, or whoever draws keys at random would have no limit. Of IPv6, a
network of 64 bits is one client, since one customer has all of it. Keys are kept as digests.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from aiohttp import web

from tv5core.errors import InvalidInputError
from tv5core.server.client_limits.quota import Quota
from tv5core.server.settings import Settings

__all__ = ["Clients"]

KEY_HEADER = "X-Api-Key"
_FORWARDED = "X-Forwarded-For"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Clients:
    """Tells clients apart.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    InvalidInputError
        The file of keys cannot be read, or a proxy is no network.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = _keys(settings.api_keys_file)
        self._proxies = tuple(map(_network, settings.trusted_proxies))
        self._of_key = Quota("key", settings.key_rate, settings.key_burst)
        self._of_address = Quota("address", settings.client_rate, settings.client_burst)

    def of(self, request: web.Request) -> tuple[str, Quota]:
        """Return who asks, and what they may ask; a rate of 0 is no limit."""
        key = request.headers.get(KEY_HEADER)
        if key is not None and (digest := _digest(key)) in self._keys:
            return f"key:{digest}", self._of_key
        return f"address:{_client(self._address(request))}", self._of_address

    def _address(self, request: web.Request) -> str:
        """Return the address nearest to the client of which a trusted proxy tells."""
        remote = request.remote or ""
        if not self._proxies or not self._trusts(remote):
            return remote
        told = ",".join(request.headers.getall(_FORWARDED, ())).split(",")
        for address in (each.strip() for each in reversed(told)):
            if not _is_address(address):
                return remote
            remote = address
            if not self._trusts(address):
                break
        return remote

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(
            ipaddress.ip_address(address) in network for network in self._proxies
        )


def _keys(path: str | None) -> frozenset[str]:
    if path is None:
        return frozenset()
    try:
        lines = Path(path).read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"setting api_keys_file: expected a readable file, got {type(error).__name__}"
        ) from None
    return _digests(lines)


def _digests(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(_digest(key) for key in keys)


def _digest(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidInputError(
            f"setting trusted_proxies: expected networks such as 10.0.0.0/8, got {text[:80]!r}"
        ) from None


@lru_cache(maxsize=4_096)
def _client(address: str) -> str:
    """Return what counts as one client of an address."""
    if not _is_address(address):
        return "unknown"
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
