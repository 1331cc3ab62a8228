"""A catalogue behind a cache: the same answers, and none older than the catalogue."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cached.films import JAWS, TITLES, loads, run
from tv5core import CachedCatalog, Catalog, InvalidInputError, UnknownIdError
from tv5core.types import Title


def changed(old: Title, **how: Any) -> Title:
    return msgspec.structs.replace(old, **how)


def test_answers_are_the_catalogues(folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder, read_only=True) as catalog:
            vector = catalog.embed_queries(["a shark"])[0]
            some = [title.id for title in TITLES[:30]]
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                for _ in range(3):
                    assert await films.get(JAWS) == catalog.get(JAWS)
                    assert await films.get("imdb:tt0073195") == catalog.get(JAWS)
                    assert await films.search("a shark") == catalog.search("a shark")
                    assert await films.search("a shark", 3) == catalog.search("a shark", 3)
                    assert await films.search(vector) == catalog.search(vector)
                    got = await films.search("a shark", allow=iter(some))
                    assert got == catalog.search("a shark", allow=some)
                    assert await films.similar(JAWS, 5) == catalog.similar(JAWS, 5)
                    best = sorted(TITLES, key=lambda t: (-t.popularity, t.id))
                    assert await films.popular(7) == best[:7]
                    of = [t for t in best if "Comedy" in t.genres]
                    assert await films.popular(4, genre="Comedy") == of[:4]
                assert loads(films, "title") == 2
                assert loads(films, "search") == 4
                assert loads(films, "recommendations") == 1
                assert loads(films, "popular") == 2

    run(work)


def test_from_the_disk_they_are_the_same(folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder, read_only=True) as catalog:
            for _ in range(2):
                async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                    assert await films.get(JAWS) == catalog.get(JAWS)
                    assert await films.search("a shark") == catalog.search("a shark")
                    assert await films.similar(JAWS) == catalog.similar(JAWS)
                    assert await films.popular(5) == (await films.popular(9))[:5]
                    counts = [loads(films, k) for k in ("title", "search", "recommendations")]
            assert counts == [0, 0, 0]

    run(work)


def test_errors_are_the_catalogues_and_not_kept(folder: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with CachedCatalog.open(catalog, None) as films:
                for _ in range(2):
                    with pytest.raises(UnknownIdError):
                        await films.get("tmdb:movie:1")
                    with pytest.raises(UnknownIdError):
                        await films.similar("tmdb:movie:1")
                    with pytest.raises(InvalidInputError):
                        await films.search("a shark", 0)
                    with pytest.raises(InvalidInputError):
                        await films.search([[1.0, 2.0], [3.0, 4.0]])
                    with pytest.raises(InvalidInputError):
                        await films.search([float("nan")] * 512)
                    with pytest.raises(InvalidInputError):
                        await films.search(["a", "b"])
                    with pytest.raises(InvalidInputError):
                        await films.popular(0)
                await films.add([Title("tmdb:movie:1", "movie", "New", overview="A new film.")])
                assert (await films.get("tmdb:movie:1")).title == "New"

    run(work)


def test_its_own_writes_are_seen_at_once(folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                jaws = await films.get(JAWS)
                assert (await films.search("a shark terrorises a beach", 1))[0].id == JAWS
                await films.similar(JAWS)
                result = await films.add([changed(jaws, tagline="New")])
                assert result.updated == 1
                assert (await films.get(JAWS)).tagline == "New"
                assert (await films.get("imdb:tt0073195")).tagline == "New"
                hits = await films.search("a shark terrorises a beach", 1)
                assert hits[0].title.tagline == "New"
                other = (await films.similar(JAWS, 1))[0].id
                assert await films.delete(other) == 1
                assert (await films.similar(JAWS, 1))[0].id != other
                assert await films.delete([JAWS, "no such"]) == 1
                for name in (JAWS, "imdb:tt0073195"):
                    with pytest.raises(UnknownIdError):
                        await films.get(name)
                assert JAWS not in [h.id for h in await films.search("a shark terrorises a beach")]

    run(work)


WRITER = """
import sys, msgspec
from tv5core import Catalog
with Catalog.open(sys.argv[1]) as catalog:
    for line in sys.stdin:
        jaws = catalog.get("tmdb:movie:578")
        if line == "delete\\n":
            catalog.delete("tmdb:movie:578")
        else:
            catalog.add([msgspec.structs.replace(jaws, tagline=line.strip())])
        print("done", flush=True)
"""


def test_another_processs_writes_are_seen_at_once(folder: Path, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None

    def tell(what: str) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(what + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "done\n"

    async def work() -> None:
        with Catalog.open(folder, read_only=True) as catalog:
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                other = TITLES[5].id
                for number in range(20):
                    tell(f"line {number}")
                    assert (await films.get(JAWS)).tagline == f"line {number}"
                    assert (await films.get("imdb:tt0073195")).tagline == f"line {number}"
                    hits = await films.search("a shark terrorises a beach", 1)
                    assert hits[0].title.tagline == f"line {number}"
                    await films.get(other)
                assert loads(films, "title") <= 41  # the other title: once
                tell("delete")
                with pytest.raises(UnknownIdError):
                    await films.get(JAWS)
                assert JAWS not in [h.id for h in await films.search("a shark terrorises a beach")]

    try:
        run(work)
    finally:
        child.stdin.close()
        child.stdout.close()
        assert child.wait() == 0


def test_changes_made_while_nobody_looked(folder: Path, tmp_path: Path) -> None:
    """What is on the cache's disk is judged by the journal after a restart."""

    async def read(expected: str) -> int:
        with Catalog.open(folder, read_only=True) as catalog:
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                assert (await films.get(JAWS)).tagline == expected
                for title in TITLES[10:20]:
                    assert await films.get(title.id) == title
                return loads(films, "title")

    jaws = next(title for title in TITLES if title.id == JAWS)
    assert asyncio.run(read(jaws.tagline)) == 11
    with Catalog.open(folder) as catalog:
        catalog.add([changed(jaws, tagline="Changed")])
    assert asyncio.run(read("Changed")) == 1
    with Catalog.open(folder) as catalog:
        for number in range(5):
            catalog.add([changed(jaws, tagline=f"{number}"), changed(TITLES[0], votes=number)])
    assert asyncio.run(read("4")) == 1


def test_a_new_catalogue_in_the_same_folder_is_another(tmp_path: Path) -> None:
    async def read(title: Title) -> None:
        with Catalog.open(tmp_path / "films") as catalog:
            catalog.add([title])
            async with CachedCatalog.open(catalog, tmp_path / "cache") as films:
                assert await films.get(JAWS) == title

    first = Title(JAWS, "movie", "First", overview="One.")
    asyncio.run(read(first))
    for path in (tmp_path / "films").iterdir():
        path.unlink()
    asyncio.run(read(changed(first, title="Second")))


def test_answers_until_expiry_outlive_a_change_but_titles_do_not(folder: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with CachedCatalog.open(catalog, None, freshness="until_expiry") as films:
                before = await films.search("a shark", 3)
                jaws = await films.get(JAWS)
                await films.add([changed(jaws, tagline="New"), changed(TITLES[3], votes=1)])
                assert await films.search("a shark", 3) == before
                assert (await films.get(JAWS)).tagline == "New"
                assert loads(films, "search") == 1

    run(work)


def test_a_thousand_cold_callers_search_once(folder: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with CachedCatalog.open(catalog, None) as films:
                found = await asyncio.gather(*(films.search("a shark") for _ in range(1_000)))
                assert all(hits == found[0] for hits in found)
                assert loads(films, "search") == 1
                assert found[1]

    run(work)


@pytest.mark.parametrize("odd", ["\ud800", 5, None, b"bytes"], ids=repr)
def test_what_is_no_id_is_refused_and_costs_nothing(folder: Path, odd: Any) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with CachedCatalog.open(catalog, None) as films:
                before = await films.get(JAWS)
                for call in (
                    lambda: films.get(odd),
                    lambda: films.similar(odd),
                    lambda: films.delete([JAWS, odd]),
                    lambda: films.search("a shark", allow=[JAWS, odd]),
                ):
                    with pytest.raises(InvalidInputError):
                        await call()
                assert await films.get(JAWS) == before, "nothing of it was deleted"
                with pytest.raises(InvalidInputError):
                    await films.search("a shark \ud800")

    run(work)


def test_titles_beside_one_that_is_refused_are_invalidated(folder: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with CachedCatalog.open(catalog, None) as films:
                new = changed(await films.get(JAWS), title="Jaws, again")

                def add(*_: object, **__: object) -> None:
                    Catalog.add(catalog, [new])
                    raise InvalidInputError("expected good titles, got one that is not")

                catalog.add = add  # type: ignore[assignment, method-assign]
                with pytest.raises(InvalidInputError, match="one that is not"):
                    await films.add([new, changed(new, id="\ud800")])
                assert (await films.get(JAWS)).title == "Jaws, again"

    run(work)
