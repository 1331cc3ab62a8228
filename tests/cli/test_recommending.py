"""``tv5 recommend``, ``browse``, ``trending`` and ``learn``, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import COUNT, tv5
from tv5core.data import demo_titles

TITLES = demo_titles()[:COUNT]


def test_recommend(films: Path) -> None:
    like = TITLES[0].id
    done = tv5("recommend", like, "-k", 3, "--explain", "--seen", TITLES[1].id, "-c", films)
    assert done.returncode == 0, done.stderr
    assert "3 recommended" in done.stdout
    assert "like " in done.stderr
    middle = sorted(title.year or 0 for title in TITLES)[COUNT // 2]
    done = tv5("recommend", like, "-k", 4, "-w", f"year:{middle}..", "--json", "-c", films)
    found = json.loads(done.stdout)["recommendations"]
    assert len(found) == 4
    assert all(one["title"]["year"] >= middle for one in found)
    done = tv5("recommend", "--profile", "family_viewer", "--json", "-c", films)
    assert all("Family" in o["title"]["genres"] for o in json.loads(done.stdout)["recommendations"])


def test_lists(films: Path) -> None:
    done = tv5("browse", "--sort", "date", "-k", 2, "--json", "-c", films)
    by_date = sorted(TITLES, key=lambda title: title.release_date or "", reverse=True)
    assert [t["id"] for t in json.loads(done.stdout)["titles"]] == [t.id for t in by_date[:2]]
    cursor = json.loads(done.stdout)["cursor"]
    done = tv5(
        "browse", "--sort", "date", "-k", 2, "--cursor", cursor, "--facet", "kind", "-c", films
    )
    assert done.returncode == 0, done.stderr
    missing = [title.title for title in by_date[2:4] if title.title not in done.stdout]
    assert not missing, f"{missing} of {done.stdout!r}, {done.stderr!r}"
    assert f"2 of {COUNT} titles" in done.stderr
    assert "movie" in done.stdout
    done = tv5("browse", "--genre", "drama", "-k", 2, "-c", films)
    assert "Drama" in done.stdout
    done = tv5("trending", "-k", 2, "--json", "-c", films)
    assert len(json.loads(done.stdout)["hits"]) == 2


def test_learn(films: Path, tmp_path: Path) -> None:
    lines = ["userId,movieId,rating,timestamp"]
    lines += [f"{user},{number},{2 + number % 4},0" for user in range(9) for number in range(8)]
    (tmp_path / "ratings.csv").write_text("\n".join(lines), "utf-8")
    imdb = [(n, t.external_ids["imdb"][2:]) for n, t in enumerate(TITLES[:8])]
    links = ["movieId,imdbId,tmdbId", *(f"{number},{name}," for number, name in imdb)]
    (tmp_path / "links.csv").write_text("\n".join(links), "utf-8")
    asked = ("learn", tmp_path / "ratings.csv", "--links", tmp_path / "links.csv", "-c", films)
    done = tv5(*asked, "--at-least", 3.5, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["users"], report["titles"], report["interactions"]) == (9, 4, 36)
    done = tv5(*asked)
    assert "learnt from 72 interactions of 9 users with 8 titles" in " ".join(done.stderr.split())
    assert tv5("verify", "-c", films).returncode == 0


def test_wrong_files_and_options(films: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,what\n1,2\n", "utf-8")
    (tmp_path / "b.csv").write_text("user,id,weight\n1,2,many\n", "utf-8")
    (tmp_path / "c.csv").write_text("user,id,weight\n1,2,nan\n", "utf-8")
    for name in ("a.csv", "b.csv", "c.csv"):
        done = tv5("learn", tmp_path / name, "-c", films)
        assert done.returncode == 2, name
        assert "expected" in done.stderr
    assert tv5("learn", tmp_path / "none.csv", "-c", films).returncode == 1
    assert tv5("recommend", "-c", films).returncode == 2
    assert tv5("recommend", "nobody", "-c", films).returncode == 1
    assert tv5("recommend", TITLES[0].id, "-w", "yaer:1990", "-c", films).returncode == 2
    assert tv5("browse", "--sort", "taste", "-c", films).returncode == 2


def test_profiles_are_cached(films: Path, tmp_path: Path) -> None:
    done = tv5("cache", "warm", "--recommend", "--limit", 2, "-c", films, "--cache", tmp_path / "x")
    assert done.returncode == 0, done.stderr
    held = json.loads(tv5("cache", "stats", "--cache", tmp_path / "x", "--json").stdout)
    assert held["kinds"]["recommended"]["entries"] == 3
