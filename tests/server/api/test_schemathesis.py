"""Requests drawn from ``/openapi.json``: none fails the gateway, and answers are as described."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from tests.server.conftest import TOKEN, running

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,negative_data_rejection"
)


CONFIG = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "414", "415"]
"""


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="needs schemathesis")
async def test_drawn_requests_are_answered_as_described(folder: Path, tmp_path: Path) -> None:
    async with running(folder, providers=False) as gateway:
        (tmp_path / "schemathesis.toml").write_text(CONFIG)
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{gateway.url}/openapi.json"),
            *("--checks", CHECKS, "--max-examples", "6", "--workers", "1", "--seed", "1"),
            *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
            *("--header", f"Authorization: Bearer {TOKEN}", "--no-color"),
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        # What went wrong stands under a heading of its own; before it are pages of what went well.
        text = said.decode()
        assert process.returncode == 0, text[
            max(text.find("= ERRORS"), text.find("= FAILURES"), 0) :
        ]
