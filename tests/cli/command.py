"""Run ``tv5`` as a user runs it, on a small catalogue."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COUNT = 60
"""Titles of the catalogue that ``conftest.py`` makes."""


def tv5(*arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from tv5core.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
