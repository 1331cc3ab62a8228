"""Run the tests on all cores, away from the checkout, and with default signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import threadpoolctl  # noqa: F401 - sets KMP_DUPLICATE_LIB_OK, which no single test is to answer for

CHECKOUT = Path(__file__).resolve().parents[1]

# Last, so that an installed tv5core goes before the checkout's: it is `benchmarks` that is wanted.
sys.path.append(str(CHECKOUT))


# It draws the same examples each time: fewer do. Before pytest chooses a profile.
hypothesis.settings.register_profile(
    "ci", parent=hypothesis.settings.get_profile("ci"), max_examples=40
)

_RESET = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run on all cores where the whole suite is asked for: ``-n0`` and paths run in one process."""
    option = config.option
    if "PYTEST_XDIST_WORKER" in os.environ:  # a worker must not start workers of its own
        return
    whole = config.args_source is config.ArgsSource.TESTPATHS
    if whole and getattr(option, "numprocesses", 0) is None and option.dist == "no":
        option.numprocesses, option.dist = "auto", "worksteal"


def pytest_configure() -> None:
    """Take back that signals are ignored or blocked, and how wide a terminal would be.

    A shell that is not interactive has its background jobs ignore SIGINT and SIGQUIT, and what
    the tests start would inherit that. (SIGHUP stays as ``nohup`` wants it.) And where a process
    of pytest starts workers, they find the size that readline has guessed in their environment.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _RESET)
    for number in _RESET:
        if signal.getsignal(number) == signal.SIG_IGN:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)


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
