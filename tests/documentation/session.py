"""Run the blocks of a page in the folder it is started in: JSON in, a line of JSON a block out."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any


def _python(block: dict[str, Any], names: dict[str, Any]) -> None:
    # Blank lines before it, so that a traceback names the line of the page.
    code = "\n" * (block["line"] - 1) + block["code"]
    exec(compile(code, block["page"], "exec"), names)


def _lines(code: str) -> Iterator[str]:
    """Yield commands: lines that end in a backslash go on, a here-document belongs to its line."""
    lines = iter(code.splitlines())
    for first in lines:
        line = first
        while line.endswith("\\"):
            line = line[:-1] + next(lines)
        if "<<" in line:
            end = line.partition("<<")[2].strip("-").split()[0].strip("'\"")
            line += "\n"
            for more in lines:
                line += more + "\n"
                if more == end:
                    break
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _shell(block: dict[str, Any], _: dict[str, Any]) -> None:
    for line in _lines(block["code"]):
        words = shlex.split(line, comments=True)
        if words[0] == "export":
            os.environ.update(word.split("=", 1) for word in words[1:])
        elif words[0] == "tv5" and not set(words) & {"|", ">", "&", "&&"}:
            _tv5(words)
        else:
            _bash(line)


def _tv5(words: list[str]) -> None:
    """Run a command in this process: starting another each time would take a second."""
    from tv5core.cli.app import run

    sys.argv = words
    try:
        run()
    except SystemExit as end:
        if end.code:
            line = shlex.join(words)
            raise RuntimeError(f"expected {line!r} to succeed, got {end.code}") from end


def _bash(line: str) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True, check=False
    )
    print(done.stdout, end="")
    if done.returncode:
        raise RuntimeError(f"expected {line!r} to succeed, got {done.returncode}: {done.stderr}")


def main() -> None:
    """Run blocks until one fails."""
    names: dict[str, Any] = {"__name__": "__main__"}
    run: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]]
    run = {"python": _python, "sh": _shell}
    for block in json.loads(sys.stdin.read()):
        output, told, error = io.StringIO(), io.StringIO(), None
        with redirect_stdout(output), redirect_stderr(told):
            try:
                run[block["language"]](block, names)
            except Exception:
                error = traceback.format_exc() + told.getvalue()
        print(json.dumps({"output": output.getvalue(), "error": error}), flush=True)
        if error:
            break
