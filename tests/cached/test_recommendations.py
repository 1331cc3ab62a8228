"""Recommendations and lists through the cache: the catalogue's answers, never older than it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cached.films import JAWS, TITLES, loads, run
from tv5core import CachedCatalog, Catalog, F, InvalidInputError, Profile


def test_answers_are_the_catalogues(folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder, read_only=True) as catalog:
            vector = catalog.embed_queries(["a shark"])[0]
            asked: list[dict[str, Any]] = [
                {"like": JAWS, "k": 5, "explain": True},
                {"like": [JAWS, vector], "dislike": [TITLES[0].id], "k": 5},
                {"like": [JAWS], "where": F.year >= 1950, "seen": [TITLES[1].id], "k": 5},
                {"like": [JAWS], "where": "year:1950..", "diversity": 0.9, "k": 5},
                {"profile": "action_fan", "k": 5},
                {"profile": Profile(text="sharks"), "allow": [t.id for t in TITLES[:9]], "k": 5},
            ]
            lists: list[dict[str, Any]] = [{}, {"genre": "Drama", "where": F.year >= 1980, "k": 3}]
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                for _ in range(2):
                    for one in asked:
                        assert await films.recommend(**one) == catalog.recommend(**one)
                    for one in lists:
                        assert await films.browse(**one) == catalog.browse(**one)
                        assert await films.trending(**one) == catalog.trending(**one)
                counts = [loads(films, k) for k in ("recommended", "browse", "trending")]
                assert counts == [len(asked), len(lists), len(lists)]

    run(work)


def test_what_is_learnt_stored_or_added_is_seen_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        with Catalog.open(tmp_path / "c", auto_seal=False) as catalog:
            catalog.add(TITLES)
            catalog.wait()
            async with CachedCatalog.open(catalog, None) as films:
                asked: dict[str, Any] = {"like": JAWS, "k": 5, "explain": True}
                before = await films.recommend(**asked)
                catalog.learn((u, t.id, 1.0) for u in range(9) for t in [*TITLES[:5], TITLES[-1]])
                after = await films.recommend(**asked)
                assert after == catalog.recommend(**asked) != before
                catalog.put_profile("mine", Profile(like=(JAWS,)))
                first = await films.recommend(profile="mine", k=3)
                catalog.put_profile("mine", Profile(like=(TITLES[0].id,)))
                assert await films.recommend(profile="mine", k=3) != first
                await films.delete(after[0].id)
                assert after[0].id not in {one.id for one in await films.recommend(**asked)}

    run(work)


def test_profiles_are_computed_before_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder, read_only=True) as catalog:
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                count = await films.warm_profiles()
                assert count == len(catalog.profiles()) >= 3
                assert loads(films, "recommended") == count
                for name in catalog.profiles():
                    assert await films.recommend(profile=name) == catalog.recommend(profile=name)
                assert loads(films, "recommended") == count
                assert await films.warm_profiles(["action_fan"], k=5) == 1
                with pytest.raises(InvalidInputError, match="profile"):
                    await films.warm_profiles(["nobody"])

    run(work)


@pytest.mark.parametrize(
    "bad",
    [
        {}, {"like": 7}, {"like": [None]}, {"like": JAWS, "seen": [7]}, {"like": JAWS, "k": 0},
        {"like": JAWS, "diversity": 2}, {"like": JAWS, "where": 7}, {"profile": "nobody"},
        {"like": JAWS, "allow": JAWS}, {"like": "\ud800"},
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(folder: Path, bad: dict[str, Any]) -> None:
    async def work() -> None:
        with Catalog.open(folder, read_only=True) as catalog:
            async with CachedCatalog.open(catalog, None) as films:
                with pytest.raises(InvalidInputError, match="expected"):
                    await films.recommend(**bad)

    run(work)
