"""The package as users meet it: public names, errors, the shipped titles."""

from __future__ import annotations

import builtins
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tv5core
from tv5core import errors
from tv5core.data import demo_titles


def _modules() -> list[str]:
    found = pkgutil.walk_packages(tv5core.__path__, "tv5core.")
    return sorted(module.name for module in found)


@pytest.mark.parametrize("name", _modules())
def test_all_is_sorted_and_true(name: str) -> None:
    module = importlib.import_module(name)
    names = list(getattr(module, "__all__", []))
    assert all(hasattr(module, each) for each in names)
    constants = [n for n in names if n.isupper() and len(n) > 1]
    classes = [n for n in names if n not in constants and n[0].isupper()]
    others = [n for n in names if n not in {*constants, *classes}]
    assert names == [*constants, *sorted(classes), *others], "constants, classes, the rest"
    assert len(names) == len(set(names))


def test_errors_are_drawn_as_they_are() -> None:
    """The tree in the docstring names every error below its base."""
    doc = errors.__doc__ or ""
    depths: dict[str, int] = {}
    for line in doc.splitlines():
        drawn = re.match(r"    ([│├└─ ]*)(\w+Error)\b(?: \((\w+)\))?", line)
        if drawn:
            depths[drawn[2]] = len(drawn[1]) // 4
            if drawn[3]:
                assert issubclass(getattr(errors, drawn[2]), getattr(builtins, drawn[3]))
    assert sorted(depths) == sorted(errors.__all__)
    path: list[type] = []
    for name, depth in depths.items():
        error = getattr(errors, name)
        path[depth:] = [error]
        if depth:
            assert error.__mro__[1] is path[depth - 1]


def test_every_error_is_public() -> None:
    assert set(errors.__all__) <= set(tv5core.__all__)


def test_shipped_titles_are_whole() -> None:
    titles = demo_titles()
    assert len(titles) >= 300
    assert len({title.id for title in titles}) == len(titles)
    assert len({title.external_ids["imdb"] for title in titles}) == len(titles)
    for title in titles:
        words = len(title.overview.split())
        assert 40 <= words <= 80, (title.id, words)
        assert title.genres, title.id
        assert title.year is not None, title.id
        assert 1900 < title.year < 2030, title.id
        assert not title.release_date or title.release_date.startswith(str(title.year)), title.id
        assert title.id.split(":")[-1] in title.external_ids.values(), title.id
        assert title.source == "tv5core"
        assert (title.kind == "show") or title.directors, title.id


def test_public_functions_are_documented() -> None:
    for name in tv5core.__all__:
        thing = getattr(tv5core, name)
        assert inspect.getdoc(thing) or not inspect.isroutine(thing), name
        assert not inspect.isclass(thing) or thing.__doc__, name


HEAVY = {
    *("aiohttp", "lmdb", "numpy", "redis", "scipy", "sklearn", "Stemmer"),
    *("asyncio", "email", "http", "importlib.metadata", "multiprocessing", "socket", "ssl"),
}
NETWORK = {"asyncio", "socket", "ssl"}

ADD_AND_SEARCH = """
import numpy as np
index = VectorIndex.empty(8)
index.add(np.eye(4, 8, dtype=np.float32), np.arange(4))
index.search(np.ones(8, np.float32), 2)
"""
SEARCH_TEXT = """
catalog = Catalog.open("films", read_only=True)
assert catalog.search("a shark at the beach", 1)[0].title.title == "Jaws"
"""


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import tv5core", set()),
        ("from tv5core import VectorIndex" + ADD_AND_SEARCH, {"numpy"}),
        ("from tv5core import Catalog", {"lmdb", "numpy", "Stemmer"}),
        ("from tv5core import Catalog" + SEARCH_TEXT, {"lmdb", "numpy", "Stemmer"}),
        ("from tv5core import CachedCatalog", {"lmdb", "numpy", "Stemmer", *NETWORK}),
        (
            "import tv5core.upstream",
            {"aiohttp", "email", "http", "importlib.metadata", "numpy", *NETWORK},
        ),
    ],
    ids=("package", "vectors", "catalog", "fitted text", "cached", "upstream"),
)
def test_only_what_is_used_is_imported(code: str, loaded: set[str], tmp_path: Path) -> None:
    if code.endswith(SEARCH_TEXT):
        with tv5core.Catalog.open(tmp_path / "films") as catalog:
            catalog.add(demo_titles())
    tell = f"\nimport sys; print('loaded', *({HEAVY!r} & sys.modules.keys()))"
    assert set(_run(code + tell, tmp_path).split()) - {"loaded"} == loaded


def _run(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_public_name_can_be_imported_and_listed() -> None:
    assert set(tv5core.__all__) <= set(dir(tv5core))
    with pytest.raises(AttributeError, match="no attribute 'Catalogue'"):
        _ = tv5core.Catalogue  # type: ignore[attr-defined]
