"""The site, built once for all processes of a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation.pages import CHECKOUT


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, warnings as errors; return its folder."""
    for module in ("sphinx", "furo", "myst_parser", "matplotlib"):
        pytest.importorskip(module)
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "site" / "llms.txt").is_file():
            _build(shared / "site")
    return shared / "site"


def _build(folder: Path) -> None:
    code = f"import sys; sys.path.append({str(CHECKOUT)!r}); from sphinx.cmd.build import main; "
    code += "sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "-q",
            "-W",
            "--keep-going",
            str(CHECKOUT / "docs"),
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
