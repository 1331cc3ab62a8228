"""A real gunicorn that forks its workers with an open catalogue, as docs/guide/web.md says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tv5core import Catalog
from tv5core.data import demo_titles

APP = """
import json, os
from urllib.parse import parse_qs
from tv5core import Catalog

films = Catalog.open("films", read_only=True)
assert films.search("jaws", 1)[0].title.title == "Jaws", "used before the fork, too"
loaded_by = os.getpid()


def app(environ, start_response):
    found = films.search(parse_qs(environ["QUERY_STRING"])["q"][0], 1)
    answer = {"title": found[0].title.title, "pid": os.getpid(), "loaded_by": loaded_by}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
"""


def test_workers_search_what_was_opened_before_the_fork(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "films") as films:
        films.add(demo_titles())
    (tmp_path / "app.py").write_text(APP)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2"]
    command += ["--bind", "127.0.0.1:0", "--timeout", "120", "--worker-tmp-dir", str(tmp_path)]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "app:app"], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        said, address = "", None
        while address is None:
            line = server.stderr.readline()
            assert line, said
            said += line
            address = re.search(r"Listening at: (http://[\d.:]+)", line)
        try:
            answers = [_ask(f"{address[1]}/?q=casablanca") for _ in range(8)]
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)
    assert {one["title"] for one in answers} == {"Casablanca"}
    assert all(one["pid"] != one["loaded_by"] for one in answers)


def _ask(address: str) -> dict[str, object]:
    with urllib.request.urlopen(address, timeout=60) as answer:
        found: dict[str, object] = json.load(answer)
        return found
