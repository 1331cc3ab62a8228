"""Real workers of Celery, forked with an open catalogue: the tasks of docs/guide/web.md."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.documentation.pages import CHECKOUT, blocks
from tv5core import Catalog
from tv5core.data import demo_titles

# Folders in place of Redis.
BROKER = """
app.conf.update(
    broker_url="filesystem://", result_backend="file://results",
    broker_transport_options={
        "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"
    },
)
"""
ASK = """
import tasks
print(tasks.find.delay("a shark at the beach").get(timeout=100)[0])
print(tasks.add.delay("m:1", "Whale", "A whale swims to town.").get(timeout=100))
print(tasks.find.delay("whale").get(timeout=100)[0])
"""


@contextmanager
def worker(folder: Path, queue: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--queues", queue]
    command += ["--concurrency", "1", "--hostname", f"{queue}@x", "--loglevel", "ERROR"]
    log = (folder / f"{queue}.log").open("w")
    with log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_workers_search_what_was_opened_before_the_fork_and_one_writes(tmp_path: Path) -> None:
    pytest.importorskip("celery")
    with Catalog.open(tmp_path / "films") as films:
        films.add(demo_titles())
    page = blocks(CHECKOUT / "docs/guide/web.md", "python")
    code = next(block.code for block in page if "from celery import Celery" in block.code)
    (tmp_path / "tasks.py").write_text(code + BROKER)
    for name in ("queue", "results"):
        (tmp_path / name).mkdir()
    with ExitStack() as workers:
        for queue in ("celery", "writing"):
            workers.enter_context(worker(tmp_path, queue))
        done = subprocess.run(
            [sys.executable, "-c", ASK], cwd=tmp_path, env=dict(os.environ), timeout=300,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    said = "".join(log.read_text() for log in tmp_path.glob("*.log"))
    assert done.stdout.split() == ["Jaws", "1", "Whale"], done.stderr + said
