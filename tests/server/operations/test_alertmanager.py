"""A real Alertmanager takes alerts to PagerDuty and Slack, both played by a server here."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.server.operations.programs import free_port, needs, run, serving
from tv5core.server.operations.routing import alertmanager, prometheus
from tv5core.server.operations.rules import rules

KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Receivers:
    """What PagerDuty and Slack were told."""

    url: str = ""
    pagerduty: list[dict[str, Any]] = field(default_factory=list)
    slack: list[dict[str, Any]] = field(default_factory=list)


@asynccontextmanager
async def receivers() -> AsyncIterator[Receivers]:
    told = Receivers()

    async def page(request: web.Request) -> web.Response:
        told.pagerduty.append(await request.json())
        return web.json_response({"status": "success"}, status=202)

    async def write(request: web.Request) -> web.Response:
        told.slack.append(await request.json())
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/v2/enqueue", page)
    app.router.add_post("/services/T/B/secret", write)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield told
    finally:
        await runner.cleanup()


def configured(folder: Path, url: str) -> Path:
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "pagerduty_key").write_text(KEY)
    (secrets / "slack_url").write_text(f"{url}/services/T/B/secret")
    path = folder / "alertmanager.yml"
    given = alertmanager(secrets=str(secrets), pagerduty_url=f"{url}/v2/enqueue", wait="1s")
    path.write_text(given)
    return path


@needs("amtool")
def test_amtool_knows_where_each_severity_goes(tmp_path: Path) -> None:
    path = configured(tmp_path, "http://127.0.0.1:1")
    run("amtool", "check-config", str(path))
    for severity, receiver in (
        ("critical", "pagerduty"),
        ("warning", "slack"),
        ("info", "nobody"),
    ):
        found = run(
            *("amtool", "config", "routes", "test"),
            *(f"--config.file={path}", f"severity={severity}", "alertname=Any"),
        )
        assert found.split() == [receiver]


@needs("promtool")
def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "tv5-rules.yml").write_text(rules())
    (tmp_path / "prometheus.yml").write_text(prometheus())
    run("promtool", "check", "config", "prometheus.yml", cwd=tmp_path)


@needs("prometheus-alertmanager")
async def test_critical_alerts_page_and_warnings_are_written(tmp_path: Path) -> None:
    program = shutil.which("prometheus-alertmanager")
    assert program is not None
    async with receivers() as told:
        path, port = configured(tmp_path, told.url), free_port()
        url = f"http://127.0.0.1:{port}"
        command = (
            program,
            f"--config.file={path}",
            f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        )
        async with (
            serving(tmp_path / "log", f"{url}/-/ready", *command),
            aiohttp.ClientSession() as session,
        ):
            alerts = [_alert("Tv5Down", "critical"), _alert("Tv5DiskBusy", "warning")]
            alerts.append(_alert("Tv5UpstreamSlow", "info"))
            async with session.post(f"{url}/api/v2/alerts", json=alerts) as response:
                assert response.status == 200
            for _ in range(100):
                if told.pagerduty and told.slack:
                    break
                await asyncio.sleep(0.1)
    assert [one["routing_key"] for one in told.pagerduty] == [KEY]
    assert told.pagerduty[0]["payload"]["severity"] == "critical"
    assert "about Tv5Down" in told.pagerduty[0]["payload"]["summary"]
    assert [one["channel"] for one in told.slack] == ["#tv5"]
    assert "about Tv5DiskBusy" in str(told.slack)
    assert "Tv5UpstreamSlow" not in str(told.slack) + str(told.pagerduty)
    assert KEY not in path.read_text(), "keys are in files of their own"


def _alert(name: str, severity: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": severity},
        "annotations": {"summary": f"about {name}"},
    }
