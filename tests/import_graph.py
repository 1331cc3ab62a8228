"""Who imports whom in a package, read from its source: nothing is imported to find out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

__all__ = ["Graph", "circles", "imports", "modules", "read", "siblings"]

Graph = Mapping[str, AbstractSet[str]]


def modules(root: Path) -> dict[str, Path]:
    """Map the full name of every module below ``root`` to its file: a package to its ``__init__``.

    A compiled module is known by its stub.
    """
    found = {}
    for path in [*sorted(root.rglob("*.pyi")), *sorted(root.rglob("*.py"))]:
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, package: str) -> Iterator[str]:
    """Yield the full names a module imports from the package.

    Imports inside functions and below ``if TYPE_CHECKING`` count like any other.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: expected absolute imports"
            if node.module and node.module.split(".")[0] == package:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def read(root: Path) -> dict[str, set[str]]:
    """Return which module imports which, for the package in the folder ``root``."""
    files = modules(root)
    return {
        module: {_module_of(name, files) for name in imports(path, root.name)}
        for module, path in files.items()
    }


def _module_of(name: str, files: Mapping[str, Path]) -> str:
    """Return the module that a name such as ``tv5core.store.Store`` is taken from."""
    return name if name in files else name.rpartition(".")[0]


def siblings(graph: Graph) -> dict[str, dict[str, set[str]]]:
    """Return, for every package, which of its direct members imports which other.

    An import of ``tv5core.store.titles`` by ``tv5core.catalog.reader`` is one of ``store`` by
    ``catalog``, both members of ``tv5core``.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for module, imported in graph.items():
        for other in imported:
            package, mine, theirs = _fork(module, other)
            if mine and theirs:
                found.setdefault(package, {}).setdefault(mine, set()).add(theirs)
    return found


def _fork(module: str, other: str) -> tuple[str, str, str]:
    """Split two names where they part: what they share, and the next word of each."""
    mine, theirs = module.split("."), other.split(".")
    shared = 0
    while shared < min(len(mine), len(theirs)) and mine[shared] == theirs[shared]:
        shared += 1
    after = slice(shared, shared + 1)
    return ".".join(mine[:shared]), "".join(mine[after]), "".join(theirs[after])


def circles(graph: Graph) -> list[set[str]]:
    """Return the groups whose members all reach each other; a member may be alone in one."""
    reached = {node: _reached(graph, node) for node in graph}
    found: list[set[str]] = []
    for node in graph:
        if node in reached[node] and not any(node in circle for circle in found):
            found.append({other for other in reached[node] if node in reached.get(other, set())})
    return found


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph.get(node, ()))
    return seen
