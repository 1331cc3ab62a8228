"""Who may import whom, as the design has it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv5core

ROOT = Path(tv5core.__file__).parent

# Layers a module may import, besides its own; what is not named here is on top and free.
BASE = {"errors", "types", "observing", "bitmap", "backoff", "files"}
ALLOWED = {
    "errors": set(),
    "types": set(),
    "observing": set(),
    "bitmap": set(),
    "backoff": {"errors"},
    "files": {"errors"},
    "analysis": {"errors", "types"},
    "kernels": {"errors", "types", "_native"},
    "lmdb_env": BASE,
    "vectors": BASE | {"kernels"},
    "store": BASE | {"lmdb_env"},
    "embedding": BASE | {"kernels", "analysis"},
    "lexical": BASE | {"kernels", "analysis"},
    "columns": BASE | {"kernels"},
    "query": BASE | {"kernels", "analysis", "vectors", "embedding", "lexical", "columns"},
    "sources": {"errors", "types"},
    "importers": BASE | {"sources", "store.aliases"},
    "data": {"types"},
    "catalog": BASE | {"kernels", "lmdb_env", "vectors", "store", "embedding", "query"},
    "cache": BASE | {"lmdb_env"},
    "upstream": BASE | {"sources"},
}


def layer(module: str) -> str:
    """Name the layer of a module such as ``tv5core.store.titles``."""
    return module.split(".")[1] if "." in module else ""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("tv5core", *path.relative_to(ROOT).with_suffix("").parts)
        yield ".".join(parts), path


def imports(path: Path) -> Iterator[str]:
    """Full names of everything of ours a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("tv5core"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: expected absolute imports"
            if node.module and node.module.split(".")[0] == "tv5core":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may(module: str, imported: str) -> bool:
    own, other = layer(module), layer(imported)
    if own not in ALLOWED or other == own:
        return True
    allowed = ALLOWED[own]
    return other in allowed or any(imported.startswith(f"tv5core.{name}.") for name in allowed)


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=str)
def test_imports(module: str, path: Path) -> None:
    forbidden = [name for name in imports(path) if not may(module, name)]
    assert not forbidden, f"{module} must not import {forbidden}"


def test_nobody_imports_the_command_line() -> None:
    for module, path in modules():
        if layer(module) != "cli":
            assert not [name for name in imports(path) if layer(name) == "cli"], module


def test_the_rule_itself() -> None:
    assert may("tv5core.vectors.index", "tv5core.files.SectionFile")
    assert may("tv5core.importers.merge", "tv5core.store.aliases.aliases")
    assert may("tv5core.catalog.index", "tv5core.vectors.VectorIndex")
    assert may("tv5core.cli.app", "tv5core.catalog.Catalog")
    assert not may("tv5core.importers.runner", "tv5core.store.Store")
    assert not may("tv5core.store.titles", "tv5core.vectors.VectorIndex")
    assert not may("tv5core.vectors.index", "tv5core.store.Store")
    assert not may("tv5core.embedding.lsa", "tv5core.catalog.Catalog")
    assert not may("tv5core.query.plan", "tv5core.catalog.Catalog")
    assert not may("tv5core.errors", "tv5core.types.Title")
