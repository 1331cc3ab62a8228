"""A real Prometheus scrapes a real gateway under load; every query of the dashboard has data."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import aiohttp

from tests.server.conftest import TOKEN, Gateway
from tests.server.metrics.test_service import with_provider
from tests.server.operations.programs import free_port, needs, serving
from tests.upstream.clients import tmdb_server
from tests.upstream.standin.tmdb import TmdbContent
from tv5core.server.operations.dashboard import dashboard
from tv5core.server.operations.panels import ROWS
from tv5core.server.operations.routing import prometheus
from tv5core.server.operations.rules import rules

RATE = "[8s]"
WORDS = ("heist", "space", "love", "war", "detective", "family", "dragon", "school")


def test_the_dashboard_has_five_rows_of_three_panels() -> None:
    made = dashboard()
    rows = [panel for panel in made["panels"] if panel["type"] == "row"]
    panels = [panel for panel in made["panels"] if panel["type"] != "row"]
    assert (len(rows), len(panels)) == (5, 15)
    assert len({panel["id"] for panel in made["panels"]}) == 20
    places = {
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    }
    assert len(places) == 15 * 8 * 8, "none covers another"


@needs("prometheus")
async def test_every_query_returns_data(folder: Path, tmp_path: Path) -> None:
    async with (
        tmdb_server(TmdbContent(500), latency_s=0.1) as server,
        with_provider(folder, server, metrics_token=TOKEN) as gateway,
    ):
        port = free_port()
        (tmp_path / "tv5-rules.yml").write_text(rules())
        (tmp_path / "metrics_token").write_text(TOKEN)
        config = prometheus(
            target=f"127.0.0.1:{gateway.port}",
            interval="1s",
            metrics_token_file=str(tmp_path / "metrics_token"),
        )
        (tmp_path / "prometheus.yml").write_text(config)
        command = (
            shutil.which("prometheus") or "",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        )
        async with serving(tmp_path / "log", f"http://127.0.0.1:{port}/-/ready", *command):
            load = asyncio.create_task(_load(gateway))
            missing = await _missing(port)
            for _ in range(60):
                await asyncio.sleep(1)
                empty = await _missing(port)
                missing = [one for one in missing if one in empty]  # connections are made once
                if not missing:
                    break
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            up = await _query(port, 'up{job="tv5"}')
    assert [one["value"][1] for one in up] == ["1"]
    assert not missing, missing


async def _load(gateway: Gateway) -> None:
    """Ask as people do: searches, titles, and calls to a provider."""
    tmdb, turn = gateway.resources.tmdb, 0
    assert tmdb is not None
    while True:
        word = WORDS[turn % len(WORDS)]
        _, found = await gateway.get(f"/v1/search?q={word}")
        await gateway.get(f"/v1/search?q={word}+{turn}&mode=semantic")
        await gateway.get(f"/v1/titles/{found['hits'][0]['id']}")
        await gateway.get("/v1/search?q=x&k=none")
        several = range(1 + turn // 10 % 15)  # more at once each time: each takes a connection
        await asyncio.gather(*(tmdb.search_movie(f"{word} {turn} {n}") for n in several))
        turn += 1
        await asyncio.sleep(0.02)


async def _missing(port: int) -> list[str]:
    """Return the queries of the dashboard without data."""
    missing = []
    for _, panels in ROWS:
        for panel in panels:
            for query, _ in panel.queries:
                asked = query.replace("[$__rate_interval]", RATE)
                found = await _query(port, asked)
                if not any(one["value"][1] != "NaN" for one in found):
                    missing.append(f"{panel.title}: {asked}")
    return missing


async def _query(port: int, query: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{port}/api/v1/query"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params={"query": query}) as response,
    ):
        body = await response.json()
    assert body["status"] == "success", (query, body)
    found: list[dict[str, Any]] = body["data"]["result"]
    return found
