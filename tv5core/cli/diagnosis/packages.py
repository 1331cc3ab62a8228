"""Versions of what tv5core needs, and which of its extras are installed."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata

__all__ = ["Packages", "look_at_packages"]

_NAME = "tv5core"
_REQUIREMENT = re.compile(r"\s*(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^\]]*)\])?(?P<rest>[^;]*)")
_EXTRA = re.compile(r"extra\s*==\s*[\"']([\w-]+)[\"']")
_DEVELOPMENT = frozenset({"bench", "docs", "test", "wheels"})
"""Extras that users of a catalogue have no need of."""


@dataclass(frozen=True)
class Packages:
    """What is installed.

    Attributes
    ----------
    tv5core, python : str
    core : dict
        Version of each package that tv5core always needs; empty where it is missing.
    extras : dict
        The same for each extra.
    """

    tv5core: str
    python: str
    core: dict[str, str]
    extras: dict[str, dict[str, str]]


def look_at_packages(
    requirements: Iterable[str] | None = None, version_of: Callable[[str], str] = metadata.version
) -> Packages:
    """Return versions.

    Parameters
    ----------
    requirements : iterable of str, optional
        As the metadata have them; those of the installed tv5core by default.
    version_of : callable
        From a name to a version; raises ``PackageNotFoundError``.
    """
    if requirements is None:
        requirements = _own_requirements()
    needs: dict[str, list[tuple[str, list[str]]]] = {"": []}
    for requirement in requirements:
        extra = "".join(_EXTRA.findall(requirement)[:1])
        needs.setdefault(extra, []).extend(_parsed(requirement))
    names = {extra: list(dict.fromkeys(_names(extra, needs))) for extra in needs}
    found = {
        extra: {name: _version(name, version_of) for name in listed}
        for extra, listed in names.items()
        if extra not in _DEVELOPMENT
    }
    core = found.pop("")
    own = _version(_NAME, version_of)
    return Packages(own, platform.python_version(), core, dict(sorted(found.items())))


def _own_requirements() -> list[str]:
    try:
        return metadata.requires(_NAME) or []
    except metadata.PackageNotFoundError:  # a checkout on the path
        return []


def _parsed(requirement: str) -> list[tuple[str, list[str]]]:
    """Return name and extras of a requirement; nothing where this Python does not need it."""
    found = _REQUIREMENT.match(requirement)
    if found is None or _is_for_older_python(requirement):
        return []
    extras = [name.strip() for name in (found["extras"] or "").split(",")]
    return [(found["name"], [name for name in extras if name])]


def _is_for_older_python(requirement: str) -> bool:
    bound = re.search(r"python_version\s*<\s*[\"']([\d.]+)[\"']", requirement)
    if bound is None:
        return False
    limit = tuple(map(int, bound[1].split(".")))
    return tuple(map(int, platform.python_version_tuple()[:2])) >= limit


def _names(extra: str, needs: dict[str, list[tuple[str, list[str]]]]) -> Iterator[str]:
    """Yield what an extra needs, with what the extras need that it is made of."""
    for name, extras in needs.get(extra, []):
        if name.lower() != _NAME:
            yield name
        for other in extras if name.lower() == _NAME else ():
            yield from _names(other, needs)


def _version(name: str, version_of: Callable[[str], str]) -> str:
    try:
        return version_of(name)
    except metadata.PackageNotFoundError:
        return ""
