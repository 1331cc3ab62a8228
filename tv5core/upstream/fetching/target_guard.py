"""Which hosts and addresses may be reached: the configured hosts, at public addresses.

A host is checked before a request and after each redirect. Its address is checked again when the
socket is made, since that is where the bytes go, whatever a name server answered before.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tv5core.errors import ForbiddenTargetError
from tv5core.upstream.provider import Provider

__all__ = ["GuardedResolver", "TargetGuard"]

_NAT64 = ip_network("64:ff9b::/96")


class TargetGuard:
    """Checks the targets of requests to one provider.

    Parameters
    ----------
    provider : Provider
    """

    def __init__(self, provider: Provider) -> None:
        self._name = provider.name
        self._hosts = provider.allowed_hosts()
        self._allow_private = provider.allow_private
        self._ports = {
            (URL(url).host, URL(url).port)
            for url in (provider.base_url, provider.files_base_url)
            if url
        }

    def check_url(self, url: URL) -> URL:
        """Return the URL if it may be requested.

        Raises
        ------
        ForbiddenTargetError
            Its scheme, host, port or user is not one of the provider's.
        """
        schemes = {"https", "http"} if self._allow_private else {"https"}
        host = (url.host or "").lower()
        if url.scheme not in schemes or url.user is not None or url.password is not None:
            raise self._forbidden(f"{url.scheme or 'no scheme'} at {host or 'no host'}")
        if host not in self._hosts:
            raise self._forbidden(host or "no host")
        if not url.is_default_port() and (url.host, url.port) not in self._ports:
            raise self._forbidden(f"{host} with port {url.port}")
        return url

    def parse_url(self, text: str) -> URL:
        """Parse and check a URL; one that cannot be parsed is forbidden too."""
        try:
            url = URL(text)
        except ValueError:
            url = URL()
        return self.check_url(url)

    def check_address(self, address: str) -> None:
        """Check an IP address.

        Raises
        ------
        ForbiddenTargetError
            It is not public (nor private, where that is allowed).
        """
        if not self.allows_address(address):
            raise ForbiddenTargetError(
                f"{self._name}: expected a public address, got {address[:60]}"
            )

    def allows_address(self, address: str) -> bool:
        """Return whether connections to an IP address are allowed."""
        try:
            parsed = _embedded_ipv4(ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if parsed.is_multicast or parsed.is_link_local or parsed.is_unspecified:
            return False
        return parsed.is_global or (self._allow_private and parsed.is_private)

    def make_socket(self, address_info: Any) -> socket.socket:
        """Make the socket for a resolved address; aiohttp's ``socket_factory``."""
        family, kind, protocol, _, address = address_info
        self.check_address(str(address[0]))
        return socket.socket(family, kind, protocol)

    def _forbidden(self, got: str) -> ForbiddenTargetError:
        return ForbiddenTargetError(f"{self._name}: expected one of its hosts, got {got[:100]}")


def _embedded_ipv4(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address embeds, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


class GuardedResolver(AbstractResolver):
    """Resolves a host to those of its addresses that may be reached.

    Parameters
    ----------
    guard : TargetGuard
    inner : AbstractResolver or None
        Resolver to filter; None uses the system's.
    """

    def __init__(self, guard: TargetGuard, inner: AbstractResolver | None = None) -> None:
        self._guard, self._inner = guard, inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host that may be reached.

        Raises
        ------
        ForbiddenTargetError
            The host has addresses, but none that may be reached.
        """
        results = await self._inner.resolve(host, port, family)
        allowed = [each for each in results if self._guard.allows_address(each["host"])]
        if results and not allowed:
            self._guard.check_address(results[0]["host"])
        return allowed

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()
