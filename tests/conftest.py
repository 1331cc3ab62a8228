"""Run the tests away from the checkout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Last, so that an installed tv5core goes before the checkout's: it is `benchmarks` that is wanted.
sys.path.append(str(Path(__file__).resolve().parents[1]))


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
