"""How the code is laid out: who may import whom, no circles, maps, short modules, tests alike.

``ALLOWED`` and ``ORDER`` are the drawing of ARCHITECTURE.md in a form that can be checked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import tv5core
from tests import import_graph

ROOT = Path(tv5core.__file__).parent
CHECKOUT = Path(__file__).parents[1]
GRAPH = import_graph.read(ROOT)
MODULES = import_graph.modules(ROOT)
LONGEST = 400

# What each part of tv5core may import, besides itself. A dotted name allows one module only.
GROUND = {"errors", "types", "results", "observing", "arguments", "bitmap", "backoff", "files"}
GROUND |= {"extra_fields", "names", "arrow", "notebook", "truncated_svd", "cores", "worker_pool"}
ALLOWED = {
    "types": set(),
    "results": {"types", "errors", "arrow", "notebook"},
    "notebook": {"types"},
    "arrow": {"types", "errors", "arguments"},
    "errors": set(),
    "observing": set(),
    "arguments": {"errors"},
    "bitmap": {"errors"},
    "backoff": {"errors"},
    "extra_fields": {"errors", "types", "arguments"},
    "names": set(),
    "truncated_svd": set(),
    "cores": {"errors"},
    "worker_pool": {"cores"},
    "kernels": {"errors", "types"},
    "files": {"errors", "observing"},
    "lmdb_env": GROUND,
    "analysis": {"errors", "types"},
    "sources": {"errors", "types"},
    "data": {"types"},
    "object_storage": {"arguments", "errors", "files"},
    "snapshots": {"arguments", "errors", "types", "files", "object_storage"},
    "store": GROUND | {"lmdb_env"},
    "vectors": GROUND | {"kernels"},
    "vector_files": GROUND | {"kernels", "vectors"},
    "vector_databases": GROUND | {"kernels", "vectors"},
    "embedding": GROUND | {"kernels", "analysis"},
    "lexical": GROUND | {"kernels", "analysis"},
    "columns": GROUND | {"kernels", "sources"},
    "recommend": GROUND | {"kernels", "columns"},
    "query": GROUND
    | {"kernels", "analysis", "sources"}
    | {"vectors", "embedding", "lexical", "columns"},
    "redis_access": {"arguments", "errors"},
    "events": GROUND | {"redis_access"},
    "cache": GROUND | {"lmdb_env", "redis_access"},
    "upstream": GROUND | {"sources", "redis_access"},
    "postgres": GROUND,
    "importers": GROUND | {"sources", "store.aliases"},
    "catalog": GROUND
    | {"kernels", "lmdb_env", "analysis"}
    | {"store", "vectors", "vector_files", "embedding", "lexical", "columns", "query", "recommend"}
    | {"object_storage", "snapshots", "vector_databases"},
    "cached": GROUND | {"catalog", "cache", "embedding", "columns", "recommend", "data"},
}
# These import what they like, and nobody imports them.
TOP = {"cli", "server", "integrations", "cluster"}
# Commands that run or ask the gateway, or serve agents; they import it where it is used.
RUNS = {
    "tv5core.cli.serve": "server",
    "tv5core.cli.gateway": "server",
    "tv5core.cli.mcp": "integrations",
}

# Packages with an inner order, bottom first: a member imports members of lower rows only.
ORDER = {
    "upstream": [
        {"provider"},
        {"limiting"},
        {"fetching"},
        {"tmdb", "justwatch"},
        {"sync", "availability"},
    ],
    "cache": [
        {"fork_locks", "entry"},
        {"answer", "stats", "cooldown", "validation"},
        {"clock", "policy", "uses"},
        {"memory", "disk", "redis"},
        {"loading"},
        {"tiered"},
        {"warming"},
    ],
}


# -- layers -------------------------------------------------------------------------------


def part(module: str) -> str:
    """Name the part of tv5core a module belongs to: ``store`` for ``tv5core.store.titles``."""
    return module.split(".")[1] if "." in module else ""


def may(module: str, imported: str) -> bool:
    own, other = part(module), part(imported)
    if other == own:
        return True
    if RUNS.get(module) == other:
        return True
    if other in TOP or other not in ALLOWED:
        return False
    if not own or own in TOP:
        return True
    allowed = ALLOWED[own]
    return other in allowed or any(imported.startswith(f"tv5core.{name}.") for name in allowed)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    forbidden = [n for n in import_graph.imports(MODULES[module], "tv5core") if not may(module, n)]
    assert not forbidden, f"{module} must not import {forbidden}: see ALLOWED"


def test_every_part_has_a_layer() -> None:
    unplaced = {part(module) for module in MODULES} - set(ALLOWED) - TOP - {""}
    assert not unplaced, f"expected a row in ALLOWED for {sorted(unplaced)}"


def test_the_rule_of_layers_itself() -> None:
    assert may("tv5core.vectors.index", "tv5core.files.SectionFile")
    assert may("tv5core.importers.merge", "tv5core.store.aliases.aliases")
    assert may("tv5core.catalog.index.manager", "tv5core.vectors.VectorIndex")
    assert may("tv5core.cli.app", "tv5core.catalog.Catalog")
    assert may("tv5core", "tv5core.catalog.Catalog")
    assert not may("tv5core.importers.runner", "tv5core.store.Store")
    assert not may("tv5core.store.titles", "tv5core.vectors.VectorIndex")
    assert not may("tv5core.vectors.index", "tv5core.store.Store")
    assert not may("tv5core.embedding.lsa", "tv5core.catalog.Catalog")
    assert not may("tv5core.query", "tv5core.catalog.Catalog")
    assert not may("tv5core.cache.tiered", "tv5core.catalog.Catalog")
    assert not may("tv5core.errors", "tv5core.types.Title")
    assert not may("tv5core.cached", "tv5core.cli.app")
    assert not may("tv5core.cli.app", "tv5core.server.app")
    assert not may("tv5core.cli.app", "tv5core.Catalog"), "from the module that defines it"


# -- order inside a package ---------------------------------------------------------------


def out_of_order(members: dict[str, set[str]], rows: list[set[str]]) -> list[tuple[str, str]]:
    """Return the pairs (importer, imported) in which the second does not stand in a lower row."""
    rank = {name: number for number, row in enumerate(rows) for name in row}
    return [
        (mine, theirs)
        for mine, imported in sorted(members.items())
        for theirs in sorted(imported)
        if rank[theirs] >= rank[mine]
    ]


@pytest.mark.parametrize("package", ORDER)
def test_members_import_lower_rows_only(package: str) -> None:
    placed = set().union(*ORDER[package])
    unplaced = {m.split(".")[2] for m in MODULES if m.startswith(f"tv5core.{package}.")} - placed
    assert not unplaced, f"expected a place in ORDER for {sorted(unplaced)} of {package}"
    members = import_graph.siblings(GRAPH).get(f"tv5core.{package}", {})
    assert not out_of_order(members, ORDER[package])


def test_the_rule_of_order_itself() -> None:
    rows = [{"provider"}, {"tmdb", "justwatch"}]
    assert not out_of_order({"tmdb": {"provider"}}, rows)
    assert out_of_order({"provider": {"tmdb"}}, rows) == [("provider", "tmdb")]
    assert out_of_order({"tmdb": {"justwatch"}}, rows) == [("tmdb", "justwatch")]


# -- circles ------------------------------------------------------------------------------


def test_no_circles_between_modules() -> None:
    assert not import_graph.circles(GRAPH)


def test_no_circles_between_packages() -> None:
    for package, members in import_graph.siblings(GRAPH).items():
        assert not import_graph.circles(members), package


def package(folder: Path, **sources: str) -> Path:
    """Write a package: ``a__b="..."`` is the source of the module ``a.b``."""
    for name, source in sources.items():
        path = folder.joinpath("made", *name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    for below in [folder / "made", *(p for p in (folder / "made").rglob("*") if p.is_dir())]:
        (below / "__init__.py").touch()
    return folder / "made"


@pytest.mark.parametrize(
    "back",
    [
        "from made.a import f",
        "from made import a",
        "import made.a",
        "def f():\n    from made.a import f",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made.a import f",
    ],
)
def test_every_kind_of_import_closes_a_circle(tmp_path: Path, back: str) -> None:
    graph = import_graph.read(package(tmp_path, a="import made.b", b="import made.c", c=back))
    assert import_graph.circles(graph) == [{"made.a", "made.b", "made.c"}]


def test_no_circle_where_there_is_none(tmp_path: Path) -> None:
    root = package(tmp_path, a="import made.b, made.c", b="import made.c", c="import os")
    assert not import_graph.circles(import_graph.read(root))


def test_packages_close_a_circle_that_no_modules_close(tmp_path: Path) -> None:
    graph = import_graph.read(
        package(
            tmp_path,
            one__a="from made.two import b",
            two__b="",
            two__c="import made.one.d",
            one__d="",
        )
    )
    assert not import_graph.circles(graph)
    assert import_graph.circles(import_graph.siblings(graph)["made"]) == [{"one", "two"}]


# -- maps ---------------------------------------------------------------------------------


def unmapped(package: str, modules: Iterable[str], source: str) -> list[str]:
    """Return the members of a package that the docstring of its ``__init__`` does not name."""
    inside = {m.rpartition(".")[2] for m in modules if m.rpartition(".")[0] == package}
    text = ast.get_docstring(ast.parse(source)) or ""
    named = re.findall(r"``([\w.]+?)(?:\.py|/)?``", text)
    named += re.findall(rf":mod:`~?(?:{re.escape(package)})?\.(\w+)", text)
    return sorted(inside - set(named))


@pytest.mark.parametrize("package", [m for m in MODULES if MODULES[m].name == "__init__.py"])
def test_a_package_has_its_map(package: str) -> None:
    missing = unmapped(package, MODULES, MODULES[package].read_text("utf-8"))
    assert not missing, f"expected ``name`` of {missing} in the docstring of {package}"


def test_the_rule_of_maps_itself() -> None:
    names = ["p", "p.a", "p.b", "p.c", "p.c.deeper"]
    assert unmapped("p", names, '"""First ``a``, then ``b``; ``c`` is a package."""') == []
    assert unmapped("p", names, '"""``a``, :mod:`.b`, :mod:`p.c`."""') == []
    assert unmapped("p", names, '"""``a`` and b, ``c.deeper``, :mod:`q.b`."""') == ["b", "c"]
    assert unmapped("p", names, "") == ["a", "b", "c"]


# -- length -------------------------------------------------------------------------------


def sources() -> dict[str, Path]:
    """Map the path in the checkout to the file, for the code that users and developers run."""
    found = {f"tv5core/{path.relative_to(ROOT)}": path for path in MODULES.values()}
    for path in [*CHECKOUT.glob("benchmarks/**/*.py"), *CHECKOUT.glob("bindings/*.p[yx]*")]:
        found[str(path.relative_to(CHECKOUT))] = path
    return found


def long_ones(lengths: dict[str, int], contributing: str) -> list[str]:
    """Return files over the limit that CONTRIBUTING.md does not list with a reason."""
    excused = set(re.findall(r"^[-*] `([^`]+)`: \w+", contributing, re.MULTILINE))
    return sorted(
        path for path, lines in lengths.items() if lines > LONGEST and path not in excused
    )


def test_modules_are_short() -> None:
    contributing = (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8")
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in sources().items()}
    assert any(name.startswith("bindings/") for name in lengths)
    found = long_ones(lengths, contributing)
    assert not found, f"expected at most {LONGEST} lines, or a reason in CONTRIBUTING.md: {found}"


def test_the_rule_of_length_itself() -> None:
    lengths = {"a.py": 401, "b.py": 400, "c.py": 999}
    assert long_ones(lengths, "") == ["a.py", "c.py"]
    assert long_ones(lengths, "- `c.py`: one table.\n") == ["a.py"]
    assert long_ones(lengths, "- `c.py`:\n") == ["a.py", "c.py"]


# Folders of tests that stand beside the packages, or inside of one, for a reason of their own.
HARNESSES = {
    "benchmarks",
    "changes",
    "crash",
    "documentation",
    "failover",
    "flips",
    "fuzz",
    "golden",
    "soak",
}
SUPPORT = {"kernels/native", "kernels/threads", "upstream/standin"}


def test_tests_are_laid_out_as_the_packages_are() -> None:
    tests = CHECKOUT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("*.py")} - {Path()}
    ours = {str(path) for path in folders if path.parts[0] not in HARNESSES} - SUPPORT
    assert not [name for name in sorted(ours) if not (ROOT / name / "__init__.py").is_file()]
