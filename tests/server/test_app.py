"""The application: request ids, unknown paths, health."""

from __future__ import annotations

import pytest

from tests.server.conftest import Gateway


async def test_the_process_is_healthy_and_ready(alone: Gateway) -> None:
    for path in ("/healthz", "/readyz"):
        response, body = await alone.get(path)
        assert response.status == 200
        assert body["status"] == "ok"


async def test_it_is_not_ready_while_it_drains(alone: Gateway) -> None:
    alone.resources.ready = False
    response, body = await alone.get("/readyz")
    assert response.status == 503
    assert body["checks"]["requests"] == "draining"


async def test_a_request_has_an_id(alone: Gateway) -> None:
    response, _ = await alone.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert response.headers["X-Request-Id"] == "abc-1"
    response, _ = await alone.get("/healthz", headers={"X-Request-Id": "a b\tc"})
    assert len(response.headers["X-Request-Id"]) == 16


@pytest.mark.parametrize(("path", "status"), [("/v2/nothing", 404), ("/v1/search", 405)])
async def test_what_there_is_not_is_a_problem(alone: Gateway, path: str, status: int) -> None:
    response, body = await alone.ask("DELETE" if status == 405 else "GET", path)
    assert response.status == status == body["status"]
    assert response.content_type == "application/problem+json"
    assert body["request_id"] == response.headers["X-Request-Id"]
