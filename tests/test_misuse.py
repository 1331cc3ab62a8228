"""Whatever is passed to a public method of a catalogue, cache or import: errors of tv5core only."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.examples import examples
from tests.junk import JUNK, NOT_CALLABLE, PATHS, make_files
from tv5core import errors
from tv5core.cache import TieredCache
from tv5core.cache.uses import Use
from tv5core.cached import CATALOG_POLICIES, CachedCatalog
from tv5core.cached.policies import CachedTitle
from tv5core.catalog import Catalog
from tv5core.importers import MergingCatalog, import_paths
from tv5core.recommend import Profile
from tv5core.types import Title

Call = tuple[Callable[..., Any], dict[str, object]]

TITLES = [
    Title(f"t:{n}", "movie", f"Film {n}", overview=f"word{n} and word{n % 3}") for n in range(8)
]
VECTORS = np.eye(8, 16, dtype=np.float32)
NEW_FOLDERS = PATHS.filter(lambda path: path != "/dev/null")
STRATEGIES = {
    **dict.fromkeys(("path", "quarantine", "rejects", "source", "dest"), NEW_FOLDERS),
    **dict.fromkeys(
        ("progress", "reranker", "write", "loader", "pace", "id_of", "clock", "wall_clock"),
        NOT_CALLABLE,
    ),
    "paths": st.one_of(st.lists(PATHS, max_size=2), NOT_CALLABLE),
    "titles": st.one_of(JUNK, st.builds(Title, JUNK, JUNK, JUNK).map(lambda title: [title])),
    "queries": st.one_of(JUNK, st.lists(JUNK, max_size=2)),
    "ids": st.one_of(JUNK, st.lists(JUNK, max_size=2)),
    "keys": st.one_of(JUNK, st.lists(JUNK, max_size=2)),
    "tags": st.one_of(JUNK, st.lists(JUNK, max_size=2)),
    "allow": st.one_of(JUNK, st.lists(JUNK, max_size=2)),
    "texts": st.one_of(JUNK, st.lists(JUNK, max_size=2)),
    "profiles": st.one_of(JUNK, st.lists(JUNK, max_size=2)),
    "policies": st.one_of(JUNK, st.dictionaries(st.text(max_size=2), JUNK, max_size=2)),
    "fallbacks": st.one_of(JUNK, st.dictionaries(st.text(max_size=2), JUNK, max_size=2)),
    "extra_fields": st.one_of(JUNK, st.dictionaries(st.text("a_B", max_size=2), JUNK, max_size=2)),
    "mapping": st.one_of(JUNK, st.dictionaries(st.just("title") | st.none(), JUNK, max_size=2)),
    "checkpoint": st.one_of(JUNK, st.tuples(JUNK, JUNK)),
    **dict.fromkeys(("like", "dislike", "seen"), st.one_of(JUNK, st.lists(JUNK, max_size=2))),
    "interactions": st.one_of(JUNK, st.lists(st.tuples(JUNK, JUNK, JUNK), max_size=2)),
}
NO_PARAMETERS = {
    "check",
    *("after_fork", "clear", "close", "count", "identity", "ids", "info", "stats", "version"),
    *(
        "wait",
        "disk",
        "drop_second_space",
        "extra_fields",
        "forget_learnt",
        "learnt",
        "learnt_version",
        "profiles",
        "replica_record",
    ),
}
CATALOG: dict[str, dict[str, object]] = {
    "add": {"titles": TITLES[:1], "vectors": VECTORS[:1]},
    "apply": {"titles": TITLES[:1], "ids": ["none"]},
    "backup": {"dest": "new"},
    "browse": {},
    "calibrate": {"queries": VECTORS[:3]},
    "changes": {"seq": 0},
    "checkpoint": {"key": "a"},
    "clear_checkpoints": {"prefix": "zz"},
    "declare": {"extra_fields": {"note": "keyword"}},
    "delete": {"ids": ["none"]},
    "delete_profile": {"name": "own"},
    "embed_pending": {},
    "embed_queries": {"texts": ["a film"]},
    "add_table": {"table": {"id": ["t:9"], "title": ["A"], "kind": ["movie"]}},
    "to_arrow": {},
    "export": {"dest": "new"},
    "export_collection": {"url": "qdrant+memory://misuse/films"},
    "import_collection": {"url": "qdrant+memory://misuse/films"},
    "export_lines": {"write": lambda _: None},
    "facets": {"fields": ["genre"]},
    "filter_text": {"where": "genre:Drama"},
    "find": {"alias": "imdb:tt1"},
    "get": {"id": "t:1"},
    "get_many": {"ids": ["t:1"]},
    "get_vectors": {"ids": ["t:1"]},
    "get_versioned": {"id": "t:1"},
    "replica_rows": {"rows": [0]},
    "replica_rows_after": {"row": 0, "limit": 1},
    "learn": {"interactions": [("a", "t:1", 1.0), ("a", "t:2", 1.0), ("b", "t:1", 1.0)]},
    "open": {"path": "new"},
    "optimize": {},
    "popular": {},
    "profile": {"profile": "action_fan"},
    "put_profile": {"name": "own", "profile": Profile(like=("t:1",))},
    "recommend": {"like": ["t:1"]},
    "refit": {},
    "restore": {"source": "empty", "dest": "new"},
    "seal": {},
    "search": {"query": VECTORS[0]},
    "search_many": {"queries": VECTORS[:2]},
    "similar": {"id": "t:1"},
    "suggest": {"prefix": "fil"},
    "trending": {},
    "upgrade": {},
    "verify": {},
}
SLOW = {
    "backup",
    "export",
    "export_collection",
    "import_collection",
    "learn",
    "optimize",
    "refit",
    "seal",
    "upgrade",
    "verify",
}
CACHED: dict[str, dict[str, object]] = {
    "add": {"titles": TITLES[:1], "vectors": VECTORS[:1]},
    "browse": {},
    "delete": {"ids": ["none"]},
    "facets": {"fields": ["genre"]},
    "get": {"id": "t:1"},
    "open": {"catalog": None, "path": None},
    "popular": {},
    "recommend": {"like": ["t:1"]},
    "search": {"query": VECTORS[0]},
    "similar": {"id": "t:1"},
    "suggest": {"prefix": "fil"},
    "title_key": {"catalog": None, "id": "t:1"},
    "trending": {},
    "warm": {"preset": "demo"},
    "warm_profiles": {},
}


async def load(_: str) -> CachedTitle:
    return CachedTitle(TITLES[0], 0, 0)


TIERED: dict[str, dict[str, object]] = {
    "answer": {"kind": "title", "key": "k", "loader": load},
    "get": {"kind": "title", "key": "k"},
    "get_or_load": {"kind": "title", "key": "k", "loader": load},
    "holds": {"uses": [Use("title", "k", load, (), None, 0.0, 0)]},
    "invalidate": {"kind": "title", "keys": ["k"]},
    "invalidate_event": {"event": "title.changed", "keys": ["k"]},
    "invalidate_kind": {"kind": "title"},
    "invalidate_tag": {"tag": "t"},
    "open": {"path": None},
    "put": {"kind": "title", "key": "k", "value": CachedTitle(TITLES[0], 0, 0)},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_files()


@pytest.fixture(scope="module", params=["given", "fitted"])
def catalog(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalog]:
    """One of given vectors, and one that embeds its own text."""
    with Catalog.open(tmp_path_factory.mktemp("misuse") / "c") as opened:
        opened.add(TITLES, VECTORS if request.param == "given" else None)
        yield opened


def bad_arguments(
    data: st.DataObject, call: Callable[..., object], good: dict[str, object]
) -> dict[str, object]:
    """Replace one or two arguments by something else."""
    names = [name for name in inspect.signature(call).parameters if name not in ("cls", "self")]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    return good | {name: data.draw(STRATEGIES.get(name, JUNK), name) for name in chosen}


def only_ours(call: Callable[..., Any], arguments: dict[str, object]) -> None:
    async def run() -> None:
        result = call(**arguments)
        if inspect.isawaitable(result):
            result = await result
        if isinstance(result, Catalog):
            result.close()
        elif isinstance(result, TieredCache | CachedCatalog):
            await result.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(errors.Tv5Error):
            asyncio.run(run())


def bounded(count: int) -> settings:
    return settings(
        max_examples=examples(count),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
    )


@pytest.mark.parametrize(
    ("kind", "known"), [(Catalog, CATALOG), (CachedCatalog, CACHED), (TieredCache, TIERED)]
)
def test_every_method_is_tried(kind: type, known: dict[str, object]) -> None:
    methods = {name for name in dir(kind) if not name.startswith("_")}
    assert set(known) == methods - NO_PARAMETERS


@pytest.mark.parametrize("name", sorted(set(CATALOG) - SLOW))
@bounded(25)
@given(data=st.data())
def test_a_catalogue_raises_errors_of_tv5core_only(
    catalog: Catalog, name: str, data: st.DataObject
) -> None:
    method = getattr(catalog, name)
    only_ours(method, bad_arguments(data, method, CATALOG[name]))


@pytest.mark.parametrize("name", sorted(SLOW))
@bounded(6)
@given(data=st.data())
def test_so_does_work_that_takes_longer(catalog: Catalog, name: str, data: st.DataObject) -> None:
    method = getattr(catalog, name)
    only_ours(method, bad_arguments(data, method, CATALOG[name]))


@pytest.mark.parametrize("name", sorted(CACHED))
@bounded(25)
@given(data=st.data())
def test_a_cached_catalogue_does_too(catalog: Catalog, name: str, data: st.DataObject) -> None:
    async def call(**arguments: object) -> None:
        async with CachedCatalog.open(catalog, None) as cached:
            result = getattr(cached, name)(**arguments)
            result = await result if inspect.isawaitable(result) else result
            if isinstance(result, CachedCatalog):
                await result.close()

    good = CACHED[name] | ({"catalog": catalog} if "catalog" in CACHED[name] else {})
    only_ours(call, bad_arguments(data, getattr(CachedCatalog, name), good))


@pytest.mark.parametrize("name", sorted(TIERED))
@bounded(25)
@given(data=st.data())
def test_a_cache_does_too(name: str, data: st.DataObject) -> None:
    async def call(**arguments: object) -> None:
        async with TieredCache.open(None, policies=CATALOG_POLICIES) as cache:
            result = getattr(cache, name)(**arguments)
            result = await result if inspect.isawaitable(result) else result
            if isinstance(result, TieredCache):
                await result.close()

    only_ours(call, bad_arguments(data, getattr(TieredCache, name), TIERED[name]))


@bounded(60)
@given(data=st.data())
def test_an_import_does_too(catalog: Catalog, data: st.DataObject) -> None:
    good: dict[str, object] = {"catalog": catalog, "paths": ["file"]}
    only_ours(import_paths, bad_arguments(data, import_paths, good))


@bounded(25)
@given(data=st.data())
def test_a_merging_catalogue_does_too(catalog: Catalog, data: st.DataObject) -> None:
    def call(titles: Any, **arguments: Any) -> None:
        MergingCatalog(catalog).add(titles, **arguments)

    good: dict[str, object] = {"titles": TITLES[:1], "embed": False}
    only_ours(call, bad_arguments(data, MergingCatalog.add, good))


@bounded(25)
@given(value=NOT_CALLABLE)
def test_constructors_do_too(catalog: Catalog, value: Any) -> None:
    only_ours(lambda: MergingCatalog(value), {})
    only_ours(lambda: CachedCatalog(catalog, value), {})
    only_ours(lambda: TieredCache(value), {})
