"""``tv5 cache``, run as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cache.redis_server import RedisServer
from tests.cli.command import tv5
from tv5core import Catalog
from tv5core.data import demo_titles

JAWS = "tmdb:movie:578"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "films"
    titles = [title for title in demo_titles() if title.id == JAWS]
    with Catalog.open(folder) as catalog:
        catalog.add([*demo_titles()[:40], *titles])
    return folder


def cache(*arguments: object, **env: str) -> dict[str, object]:
    done = tv5("cache", *arguments, "--json", **env)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_warm_stats_invalidate_clear(films: Path, tmp_path: Path) -> None:
    where = {"TV5_CATALOG": str(films), "TV5_CACHE": str(tmp_path / "cache")}
    report = cache("warm", "--strategy", "popular", "--limit", 30, "--query", "a shark", **where)
    assert (report["done"], report["failed"]) == (31, 0)
    assert cache("warm", "--strategy", "popular", "--limit", 30, **where)["done"] == 30
    facts = cache("stats", **where)
    kinds = facts["kinds"]
    assert isinstance(kinds, dict)
    assert kinds["title"]["entries"] == 30
    assert kinds["search"]["entries"] == 1
    assert kinds["title"]["bytes"] > 3_000
    assert "title" in tv5("cache", "stats", **where).stdout

    (tmp_path / "ids.txt").write_text(f"# liked\n{JAWS}\nno such\n", "utf-8")
    report = cache("warm", "--source", tmp_path / "ids.txt", "--profile", JAWS, **where)
    assert (report["done"], report["failed"]) == (2, 1)
    held = cache("stats", **where)["entries"]
    gone = cache("invalidate", "title", JAWS, "--catalog", films, **where)
    assert gone["removed"] == 1
    assert cache("stats", **where)["entries"] == int(str(held)) - 1
    assert cache("invalidate", "search", **where)["removed"] == 1
    assert cache("invalidate", "--tag", "provider:netflix", **where)["removed"] == 0
    slip = tv5("cache", "invalidate", "titles", **where)
    assert slip.returncode == 2
    assert "expected a kind among availability, " in " ".join(slip.stderr.split()), slip.stderr
    assert "got 'titles'" in " ".join(slip.stderr.split())
    assert cache("clear", **where)["removed"] == int(str(held)) - 2
    assert cache("stats", **where)["kinds"] == {}


def test_what_cannot_be_done_is_said(films: Path, tmp_path: Path) -> None:
    where = {"TV5_CATALOG": str(films), "TV5_CACHE": str(tmp_path / "cache")}
    for arguments in (
        ("stats",),
        ("clear",),
        ("invalidate", "title"),
        ("invalidate",),
        ("invalidate", "title", "--tag", "x"),
        ("warm", "--strategy", "unheard of"),
        ("warm", "--preset", "unheard of"),
        ("warm", "--source", str(tmp_path / "none")),
    ):
        done = tv5("cache", *arguments, **where)
        assert done.returncode == 2, (arguments, done.stderr)
        assert "expected" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_redis_is_warmed_and_cleared_too(films: Path, tmp_path: Path) -> None:
    pytest.importorskip("redis")
    server = RedisServer(tmp_path)
    server.start()
    where = {"TV5_CATALOG": str(films), "TV5_CACHE": str(tmp_path / "a"), "TV5_REDIS": server.url}
    try:
        assert cache("warm", "--query", "a shark", **where)["done"] == 1
        assert cache("clear", **where)["removed"] == 1
        server.kill()
        done = tv5("cache", "clear", **where)
        assert done.returncode == 2
        assert "Redis" in done.stderr
    finally:
        server.kill()
