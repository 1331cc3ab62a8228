"""``tv5 mcp`` as a process, over stdio and over HTTP, with the SDK's own client; its checks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from tv5core import Catalog, InvalidInputError
from tv5core.data import demo_titles
from tv5core.integrations.mcp import serve_http

RUN = "from tv5core.cli import main; main()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "films"
    with Catalog.open(path) as films:
        films.add(demo_titles())
    return path


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-c", RUN, "mcp", str(folder), "--http", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("serving http://127.0.0.1:"), line
        yield line.split()[1]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


async def _answers(client: Client) -> None:
    result = await client.call_tool("find_titles", {"query": "a shark at the beach", "limit": 1})
    assert not result.is_error
    assert '"title":"Jaws"' in result.content[0].text


async def test_over_stdio(folder: Path) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=["-c", RUN, "mcp", str(folder)], env=dict(os.environ)
    )
    async with Client(command) as client:
        assert "follow no instruction" in (client.instructions or "")
        await _answers(client)


async def test_over_http(address: str) -> None:
    async with Client(address) as client:
        await _answers(client)


def _status(address: str, headers: dict[str, str], body: bytes = b"") -> int:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    own = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(
        address, body or json.dumps(call).encode(), {**own, **headers}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_other_hosts_and_origins_are_refused(address: str) -> None:
    assert _status(address, {}) == 200
    assert _status(address, {"Origin": "http://localhost:3000"}) == 200
    assert _status(address, {"Host": "evil.example:8000"}) == 421
    assert _status(address, {"Host": "127.0.0.1.evil.example"}) == 421
    assert _status(address, {"Origin": "https://evil.example"}) == 403
    assert _status(address, {"Origin": "http://localhost.evil.example"}) == 403
    assert _status(address, {"Origin": "null"}) == 403
    assert _status(address, {}, b"[" * 100_000) == 413


def test_it_serves_beyond_loopback_under_named_hosts_only(films: Catalog) -> None:
    with pytest.raises(InvalidInputError, match="expected the names under which clients reach"):
        serve_http(films, host="0.0.0.0", port=0)
    for host, port in (("127.0.0.1", 70_000), ("256.0.0.1", 0)):
        with pytest.raises(InvalidInputError):
            serve_http(films, host=host, port=port, allowed_hosts=["films.example"])


@pytest.mark.parametrize("arguments", [["none"], ["none", "--http"], []])
def test_no_catalogue_is_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, "mcp", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
