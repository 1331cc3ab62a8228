"""Run ``tv5`` as a user runs it, on a small catalogue.

Starting Python and importing everything takes a hundred times what most commands do, so `tv5` runs
them in this process; what the start decides (encodings, kernels, locks, signals) takes `started`.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

COUNT = 60
"""Titles of the catalogue that ``conftest.py`` makes."""

Done = subprocess.CompletedProcess[str]


def tv5(*arguments: object, encoding: str = "utf-8", **env: str) -> Done:
    """Run a command in this process, with a standard output and error of its own."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, newline="\n") for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.resetwarnings()  # what pytest makes of warnings
        for ignored in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):
            warnings.simplefilter("ignore", ignored)  # as at the start of Python
        patch.setattr(sys, "argv", ["tv5", *map(str, arguments)])
        for name, value in env.items():
            patch.setenv(name, value)
        code = _exit_code()
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode(encoding))  # type: ignore[attr-defined]
    return Done(arguments, code, *said)


def _exit_code() -> int:
    """Run the command line; return what its process would exit with."""
    from tv5core.cli import main

    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def started(*arguments: object, **env: str) -> Done:
    """Run a command in a process of its own."""
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
