"""``tv5 sync tmdb`` as users run it, against a stand-in that counts; a function a condition."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.upstream.standin.works import Work, make_works
from tv5core import Catalog, NotACatalogError
from tv5core.types import Title

__all__ = ["BURST", "RATE", "RUNS"]

CONTRACT, RATE, BURST = 50, 45.0, 5
KEY = "a-key-of-the-stand-in"
LATENCY_S = 0.05
FAULTS = {
    "status_500": 0.03, "status_503": 0.03, "reset": 0.03, "truncated": 0.03, "broken_gzip": 0.02,
    "invalid_json": 0.02, "wrong_types": 0.02, "redirect_private": 0.01, "latency": 0.005,
    "gzip_bomb": 0.0025, "endless": 0.0025,
}  # fmt: skip


CHECKOUT = Path(__file__).resolve().parents[2]
# Last on the path, so that an installed tv5core goes before the checkout's.
_SERVE = (
    f"import sys; sys.path.append({str(CHECKOUT)!r}); "
    "from tests.upstream.standin.serve import main; main()"
)


class Server:
    """The stand-in as a process; ``seen`` is what it counted, once it has ended."""

    def __init__(self, titles: int, faults: dict[str, float]) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable, "-c", _SERVE, "--titles", str(titles),
                "--contract", str(CONTRACT), "--bearer", KEY, "--latency", str(LATENCY_S),
                "--faults", json.dumps(faults),
            ],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.url = self._line()["url"]
        self.seen: dict[str, Any] = {}

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))

    def end(self) -> None:
        """Stop it and take what it counted."""
        self._process.send_signal(signal.SIGTERM)
        self.seen = self._line()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextlib.contextmanager
def serving(titles: int, faults: dict[str, float] | None = None) -> Iterator[Server]:
    """Run the stand-in."""
    server = Server(titles, faults or {})
    try:
        yield server
    finally:
        server.end()


def command(catalog: Path) -> list[str]:
    """Return the command of a sync at full speed."""
    return [
        sys.executable, "-c", "from tv5core.cli import main; main()", "sync", "tmdb",
        "--catalog", str(catalog), "--share", "1.0", "--no-seal", "--json",
    ]  # fmt: skip


def environment(server: Server) -> dict[str, str]:
    """Return the environment that leads the command to the stand-in."""
    return {**os.environ, "TV5_TMDB_URL": f"{server.url}/3", "TMDB_BEARER_TOKEN": KEY}


def synced(server: Server, catalog: Path) -> dict[str, Any]:
    """Run the command to its end."""
    done = subprocess.run(
        command(catalog), env=environment(server), stdout=subprocess.PIPE, check=True
    )
    return dict(json.loads(done.stdout))


def killed_at(server: Server, catalog: Path, titles: int) -> None:
    """Run the command and kill it with SIGKILL as soon as so many titles are stored."""
    process = subprocess.Popen(command(catalog), env=environment(server), stdout=subprocess.DEVNULL)
    while _stored(catalog) < titles:
        time.sleep(0.05)
    process.kill()
    process.wait()


def _stored(catalog: Path) -> int:
    try:
        with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
            return opened.count()
    except NotACatalogError:
        return 0


# -- what came of it ---------------------------------------------------------------------------


def compared(catalog: Path, works: list[Work], failed: set[str]) -> dict[str, Any]:
    """Compare what is stored with what the stand-in serves."""
    expected = {work.key: work for work in works}
    with Catalog.open(catalog) as opened:
        ids = list(opened.ids())
        half = [key for key in ids if not _is_whole(opened.get(key), expected[key])]
        sound = opened.verify().ok
    return {
        "stored": len(ids),
        "twice": len(ids) - len(set(ids)),
        "half": len(half),
        "reported": len(failed),
        "lost": len(expected.keys() - set(ids) - failed),
        "stored_and_reported": len(failed & set(ids)),
        "sound": sound,
    }


def _is_whole(title: Title, work: Work) -> bool:
    offers = {name for ways in work.services.values() for way in ways.values() for name in way}
    return (
        title.title == work.title
        and title.overview == work.overview
        and len(title.cast) == len(work.cast)
        and len(title.keywords) == len(work.keywords)
        and title.external_ids.get("imdb") == work.imdb
        and bool(title.offers) == bool(offers)
        and bool(title.certification)
    )


def full(titles: int) -> dict[str, Any]:
    """Sync all titles at the contract's rate."""
    with tempfile.TemporaryDirectory() as folder, serving(titles) as server:
        report = synced(server, Path(folder) / "c")
        outcome = compared(Path(folder) / "c", make_works(titles), set())
    # All requests but those of the first burst wait for their token.
    ideal_s = (server.seen["requests"] - BURST) / RATE
    span_s = server.seen["span_s"]
    return {
        "sync_s": report["seconds"],
        "ideal_s": round(ideal_s, 2),
        "first_to_last_request_s": span_s,
        "over_ideal": round(max(span_s, report["seconds"]) / ideal_s - 1, 4),
        **outcome,
        "server": server.seen,
    }


def faults(titles: int) -> dict[str, Any]:
    """Sync all titles while a fifth of the answers is spoilt."""
    with tempfile.TemporaryDirectory() as folder, serving(titles, FAULTS) as server:
        report = synced(server, Path(folder) / "c")
        failed = {failure["id"] for failure in report["failures"]}
        outcome = compared(Path(folder) / "c", make_works(titles), failed)
    spoilt = sum(server.seen["faults"].values()) / max(1, server.seen["requests"])
    return {
        "sync_s": report["seconds"],
        "share_spoilt": round(spoilt, 3),
        "errors": report["errors"],
        **outcome,
        "server": server.seen,
    }


def killed(titles: int) -> dict[str, Any]:
    """Sync, kill it half-way, and sync again."""
    with tempfile.TemporaryDirectory() as folder, serving(titles) as server:
        killed_at(server, Path(folder) / "c", titles // 2)
        report = synced(server, Path(folder) / "c")
        outcome = compared(Path(folder) / "c", make_works(titles), set())
    return {
        "stored_before_the_kill": report["earlier"],
        "fetched_after_it": report["fetched"],
        "asked_for_twice": server.seen["asked_again"],
        **outcome,
        "server": server.seen,
    }


RUNS: dict[str, Callable[[int], dict[str, Any]]] = {
    "full": full,
    "faults": faults,
    "killed": killed,
}
