"""Warming a cached catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cached.films import JAWS, TITLES, loads, run
from tv5core import CachedCatalog, Catalog, InvalidInputError


def test_warming_fills_it(folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                paced: list[int] = []

                async def pace() -> None:
                    paced.append(1)

                report = await films.warm(strategy="popular", limit=20, pace=pace)
                assert (report.done, report.failed, len(paced)) == (20, 0, 20)
                best = await films.popular(20)
                for title in best:
                    await films.get(title.id)
                assert loads(films, "title") == 20
                again = await films.warm(strategy="popular", limit=20, pace=pace)
                assert again.done == 20
                assert len(paced) == 20  # nothing was missing
                report = await films.warm(preset="demo")
                assert report.done == 2 * len(TITLES) + 10
                searched = loads(films, "search")
                report = await films.warm(
                    source=[JAWS, "no such", JAWS],
                    queries=["a shark"],
                    profiles=[[JAWS], [TITLES[0].id]],
                )
                assert (report.done, report.failed) == (4, 1)
                assert "no such" in report.errors[0]
                await films.search("a shark")
                assert loads(films, "search") == searched + 1
                for wrong in ({"strategy": "x"}, {"preset": "x"}, {}, {"queries": "one"}):
                    with pytest.raises(InvalidInputError):
                        await films.warm(**wrong)  # type: ignore[arg-type]

    run(work)
