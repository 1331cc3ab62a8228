"""StatsdSender: the same figures to a StatsD over UDP, once a second.

Counters go as what was added, gauges as they are, histograms as the count and the sum of what was
added (in milliseconds where they are seconds). Labels become parts of the name, as StatsD has
none: ``tv5.http_requests_total.GET.v1_search.200:3|c``. Every process sends its own figures:
a StatsD adds up counters by itself; of gauges it keeps the latest.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from tv5core.errors import InvalidInputError

__all__ = ["StatsdSender"]

log = logging.getLogger("tv5core.server")

_MOST_BYTES = 1_400  # of a datagram: what fits into an Ethernet frame
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


class StatsdSender:
    """Sends what changed since the last call.

    Parameters
    ----------
    address : str
        ``host:port``.

    Raises
    ------
    InvalidInputError
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise InvalidInputError(
                f"setting statsd_address: expected host:port, got {address[:80]!r}"
            )
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
        except OSError:
            raise InvalidInputError(
                f"setting statsd_address: expected a host that resolves, got {host[:80]!r}"
            ) from None
        family, kind, protocol, _, target = found[0]
        self._target: Any = target
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        self._sent: dict[str, float] = {}

    def send(self, registry: CollectorRegistry) -> int:
        """Send what changed; return how many datagrams. What cannot be sent is dropped."""
        datagrams = list(_packed(self._lines(registry)))
        for datagram in datagrams:
            try:
                self._socket.sendto(datagram, self._target)
            except OSError as error:
                log.debug("nothing sent to StatsD: %s", type(error).__name__)
        return len(datagrams)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _lines(self, registry: CollectorRegistry) -> Iterator[str]:
        for metric in registry.collect():
            for sample in metric.samples:
                if metric.type == "gauge":
                    yield from _gauge(_name(sample), sample.value)
                elif metric.type == "counter" or sample.name.endswith("_count"):
                    yield from self._added(_name(sample), sample.value)
                elif sample.name.endswith("_sum"):
                    scale = 1e3 if metric.name.endswith("_seconds") else 1.0
                    yield from self._added(_name(sample), sample.value * scale)

    def _added(self, name: str, value: float) -> Iterator[str]:
        added = value - self._sent.get(name, 0.0)
        self._sent[name] = value
        if added > 0:
            yield f"{name}:{added:.10g}|c"


def _gauge(name: str, value: float) -> Iterator[str]:
    if value < 0:  # a sign would mean a change
        yield f"{name}:0|g"
    yield f"{name}:{value:.10g}|g"


def _name(sample: Sample) -> str:
    parts = [_ODD.sub("_", part).strip("_") or "none" for part in sample.labels.values()]
    return ".".join(("tv5", sample.name.removeprefix("tv5_"), *parts))


def _packed(lines: Iterator[str]) -> Iterator[bytes]:
    """Join lines into datagrams."""
    packed = b""
    for line in lines:
        data = line.encode()
        if packed and len(packed) + 1 + len(data) > _MOST_BYTES:
            yield packed
            packed = b""
        packed = data if not packed else packed + b"\n" + data
    if packed:
        yield packed
