"""Run the blocks of a page in the folder it is started in: JSON in, a line of JSON a block out."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

_DEADLINE_S = 120.0


def _python(block: dict[str, Any], names: dict[str, Any]) -> None:
    # Blank lines before it, so that a traceback names the line of the page.
    code = "\n" * (block["line"] - 1) + block["code"]
    exec(compile(code, block["page"], "exec"), names)


def lines_of(code: str) -> Iterator[str]:
    """Yield commands, which may go on over several lines."""
    lines = iter(code.splitlines())
    for first in lines:
        line = first
        while goes_on := _goes_on(line):
            line = line.removesuffix("\\") + goes_on + next(lines)
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _goes_on(line: str) -> str:
    """Return what stands between a line and the next that belongs to it, or nothing."""
    if line.endswith("\\"):
        return " "
    if here := re.search(r"<<-?\s*['\"]?(\w+)", line):
        return "" if line.splitlines()[-1].strip() == here[1] else "\n"
    try:
        shlex.split(line, comments=True)
    except ValueError:  # a quotation mark is still open
        return "\n"
    return ""


def _shell(block: dict[str, Any], _: dict[str, Any]) -> None:
    for line in lines_of(block["code"]):
        words = [] if "<<" in line else shlex.split(line, comments=True)
        if words[:1] == ["export"]:
            os.environ.update(word.split("=", 1) for word in words[1:])
        elif words[:1] == ["tv5"] and not set(words) & {"|", ">", "&", "&&"}:
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


@contextmanager
def _servers() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give what starts a server and waits for it; stop all of them at the end."""
    started: list[subprocess.Popen[bytes]] = []
    tv5 = f"{shlex.quote(sys.executable)} -c 'from tv5core.cli import main; main()'"

    def serve(block: dict[str, Any]) -> None:
        line = re.sub("^tv5", tv5, block["code"].strip())
        with Path("server.log").open("ab") as log:
            command = ["bash", "-c", f"exec {line}"]
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        started.append(process)
        _wait_for(block["address"], process)

    try:
        yield serve
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            process.wait(_DEADLINE_S)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _DEADLINE_S
    while process.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(address, timeout=_DEADLINE_S) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"expected {address} to answer, got {Path('server.log').read_text()}")


def main() -> None:
    """Run blocks until one fails."""
    with _servers() as serve:
        _run(serve)


def _run(serve: Callable[[dict[str, Any]], None]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    run: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]]
    run = {"python": _python, "sh": _shell}
    for block in json.loads(sys.stdin.read()):
        output, told, error = io.StringIO(), io.StringIO(), None
        with redirect_stdout(output), redirect_stderr(told):
            try:
                if block["address"]:
                    serve(block)
                else:
                    run[block["language"]](block, names)
            except Exception:
                error = traceback.format_exc() + told.getvalue()
        print(json.dumps({"output": output.getvalue(), "error": error}), flush=True)
        if error:
            break
