"""StatsD: what is added, once a second, over UDP."""

from __future__ import annotations

import socket

import pytest
from prometheus_client import CollectorRegistry

from tv5core.errors import InvalidInputError
from tv5core.server.metrics.instruments import Instruments
from tv5core.server.metrics.statsd import StatsdSender


def test_what_was_added_is_sent_once() -> None:
    instruments = Instruments(CollectorRegistry())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(2)
        sender = StatsdSender(f"127.0.0.1:{server.getsockname()[1]}")
        instruments.requests.labels("GET", "/v1/titles/{id}", "200").inc(3)
        instruments.durations.labels("GET", "/v1/titles/{id}").observe(0.25)
        instruments.titles.set(42)
        lines = _received(server, sender.send(instruments.registry))
        assert "tv5.http_requests_total.GET.v1_titles_id.200:3|c" in lines
        assert "tv5.http_request_duration_seconds_sum.GET.v1_titles_id:250|c" in lines
        assert "tv5.store_titles:42|g" in lines
        lines = _received(server, sender.send(instruments.registry))
        assert not [line for line in lines if line.endswith("|c")]
        sender.close()


def _received(server: socket.socket, count: int) -> list[str]:
    datagrams = [server.recv(65_536) for _ in range(count)]
    assert all(len(one) <= 1_400 for one in datagrams)
    return [line for one in datagrams for line in one.decode().splitlines()]


@pytest.mark.parametrize("address", ["", "host", "host:", ":8125", "host:0", "h:99999", "h:x"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(InvalidInputError, match="statsd_address: expected host:port, got"):
        StatsdSender(address)


def test_nobody_listening_is_no_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sender, instruments = StatsdSender(f"127.0.0.1:{port}"), Instruments(CollectorRegistry())
    for _ in range(3):
        sender.send(instruments.registry)
    sender.close()
