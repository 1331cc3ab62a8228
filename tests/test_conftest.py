"""How the tests themselves are run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
SIGNALS = ("SIGINT", "SIGQUIT", "SIGTERM")


def test_what_tests_start_begins_with_default_signals() -> None:
    code = "import signal\n"
    for name in SIGNALS:
        code += f"print(signal.getsignal(signal.{name}) == signal.SIG_IGN)\n"
    code += "print(signal.pthread_sigmask(signal.SIG_BLOCK, []) == set())\n"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False", "False", "True"]


def _ignore_and_block() -> None:
    for name in SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def run(*arguments: str, folder: Path | None = None, ignoring: bool = False) -> str:
    """Run pytest on its own, with the plugins that it needs here; return what it prints."""
    plugins = ("no:cacheprovider", "xdist.plugin", "pytest_asyncio.plugin")
    chosen = [word for name in plugins for word in ("-p", name)]
    command = [sys.executable, "-m", "pytest", "-q", *chosen, *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # all that are installed take seconds
    done = subprocess.run(
        command,
        cwd=folder or HERE.parents[1],
        env=environment,
        preexec_fn=_ignore_and_block if ignoring else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_also_as_a_background_job_whose_signals_are_ignored(tmp_path: Path) -> None:
    this = f"{HERE}::{test_what_tests_start_begins_with_default_signals.__name__}"
    assert "1 passed" in run(this, f"--basetemp={tmp_path / 'base'}", ignoring=True)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Make a small suite with this one's configuration."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_bytes((HERE.parent / "conftest.py").read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((HERE.parents[1] / "pyproject.toml").read_bytes())
    code = "import os\ndef test(): print('worker', os.environ.get('PYTEST_XDIST_WORKER'))\n"
    (tmp_path / "tests" / "test_one.py").write_text(code)
    return tmp_path


def test_the_whole_suite_runs_on_all_cores(suite: Path) -> None:
    assert "worker gw" in run("-rP", folder=suite)


@pytest.mark.parametrize("arguments", [["-n0"], ["tests/test_one.py"]])
def test_one_process_runs_what_was_named_and_with_n0(suite: Path, arguments: list[str]) -> None:
    assert "worker None" in run("-rP", *arguments, folder=suite)
