"""The benchmarks' packages: each imports only those above it in the map, and stays small."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks

ROOT = Path(benchmarks.__file__).parent
ORDER = re.findall(r"^``(\w+)`` ", benchmarks.__doc__ or "", re.MULTILINE)
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.stem in ORDER)


def package(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    """Modules of ours that a module imports, inside functions and for types too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "benchmarks":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name.split(".")[1] for name in names)


def test_the_map_names_every_package() -> None:
    assert {package(path) for path in MODULES} == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_up_the_map(path: Path) -> None:
    own = ORDER.index(package(path))
    below = [name for name in imported(path) if ORDER.index(name) > own]
    assert not below


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 400
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/__init__.py")), ids=lambda p: p.parent.name)
def test_every_package_maps_its_modules(path: Path) -> None:
    listed = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    modules = {p.stem for p in path.parent.glob("*.py")} - {"__init__"}
    assert not [name for name in modules if f"``{name}``" not in listed]
