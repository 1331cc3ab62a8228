"""The reference is complete: every public name and method has a place in it."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import tv5core

PUBLIC = (
    "tv5core",
    *(f"tv5core.{name}" for name in ("cache", "cached", "data", "embedding", "errors")),
    *(f"tv5core.{name}" for name in ("importers", "observing", "recommend", "results")),
    *(f"tv5core.{name}" for name in ("types", "upstream")),
)
CLASSES = ("Catalog", "AsyncCatalog", "CachedCatalog", "VectorIndex")


@pytest.fixture(scope="module")
def names(site: Path) -> set[str]:
    """Return the dotted names that the reference documents."""
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, path: path)
    return {name for kind, some in inventory.items() if kind.startswith("py:") for name in some}


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_documented(package: str, names: set[str]) -> None:
    documented = {id(thing) for name in names if (thing := _resolve(name)) is not None}
    module = import_module(package)
    public = list(module.__all__)
    assert public
    missing = [
        name
        for name in public
        if f"{package}.{name}" not in names and id(getattr(module, name)) not in documented
    ]
    assert not missing


def _resolve(name: str) -> object:
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError):  # an attribute of instances
        return None


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_method_is_documented(name: str, names: set[str]) -> None:
    public = [member for member in dir(getattr(tv5core, name)) if not member.startswith("_")]
    assert len(public) > 10
    assert not [member for member in public if f"tv5core.{name}.{member}" not in names]


def test_parameters_are_documented_by_their_names() -> None:
    """A section of parameters names only parameters there are."""
    wrong = []
    for owner in CLASSES:
        for name, method in inspect.getmembers(getattr(tv5core, owner), inspect.isroutine):
            doc = inspect.getdoc(method) or ""
            if name.startswith("_") or "Parameters\n---" not in doc:
                continue
            section = doc.partition("Parameters\n")[2].partition("\n\n")[0].splitlines()[1:]
            written = {
                each.strip().lstrip("*")
                for line in section
                if " : " in line and not line.startswith(" ")
                for each in line.partition(" : ")[0].split(",")
            }
            unknown = written - set(inspect.signature(method).parameters)
            wrong += [f"{owner}.{name}: {unknown}"] if unknown else []
    assert not wrong
