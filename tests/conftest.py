"""Run the tests away from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

# Last, so that an installed tv5core goes before the checkout's: it is `benchmarks` that is wanted.
sys.path.append(str(CHECKOUT))


@pytest.fixture(scope="session", autouse=True)
def _away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave the folder the tests started in.

    Python puts it before the installed packages in the subprocesses that tests start, and a
    checkout holds a tv5core without compiled kernels.
    """
    started = os.getcwd()  # noqa: PTH109 - what os.chdir takes back
    os.chdir(tmp_path_factory.mktemp("away"))
    yield
    os.chdir(started)


@pytest.fixture(scope="session", autouse=True)
def _runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the files of rate limits, which processes share, out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TV5_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(scope="session")
def tmdb_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Serve a stand-in for TMDB; yield the environment that leads to it."""
    code = f"import sys; sys.path.append({str(CHECKOUT)!r})\n"
    code += "from tests.upstream.standin.serve import main; main()"
    command = [sys.executable, "-c", code, "--bearer", "secret"]
    folder = tmp_path_factory.mktemp("served")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
            yield {"TV5_TMDB_URL": f"{url}/3", "TMDB_BEARER_TOKEN": "secret"}
        finally:
            server.terminate()
