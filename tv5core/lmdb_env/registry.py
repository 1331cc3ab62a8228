"""The environments of this process: one for each folder, counted by reference, closed for forks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

__all__ = ["Member", "acquire", "is_open", "release"]


class Member(Protocol):
    """What the registry asks of an environment."""

    def close(self) -> None:
        """Close for good: the last reference is gone."""

    def before_fork(self) -> None:
        """Close for a fork, once no transaction runs."""

    def after_fork_in_parent(self) -> None:
        """Allow transactions again."""

    def after_fork_in_child(self) -> None:
        """Replace locks whose holders do not exist here."""


MemberT = TypeVar("MemberT", bound=Member)


@dataclass(slots=True)
class _Entry:
    environment: Member
    references: int = 1


_ENTRIES: dict[Hashable, _Entry] = {}
_LOCK = threading.RLock()
_PAUSED: list[Member] = []


def acquire(
    key: Hashable, create: Callable[[], MemberT], join: Callable[[MemberT], None]
) -> MemberT:
    """Create the environment of a key, or add a reference to the one that exists.

    Parameters
    ----------
    key : hashable
        Identifies class and folder.
    create : callable
        Makes the environment where there is none.
    join : callable
        Adapts the existing one to its new user; where it raises, no reference is added.
    """
    with _LOCK:
        entry = _ENTRIES.get(key)
        if entry is None:
            created = create()
            _ENTRIES[key] = _Entry(created)
            return created
        existing = cast(MemberT, entry.environment)  # the key names its class
        join(existing)
        entry.references += 1
        return existing


def release(key: Hashable, environment: Member) -> None:
    """Remove a reference; the last one closes the environment."""
    with _LOCK:
        entry = _ENTRIES.get(key)
        if entry is None or entry.environment is not environment:
            return  # closed before
        entry.references -= 1
        if not entry.references:
            del _ENTRIES[key]
            entry.environment.close()


def is_open(key: Hashable) -> bool:
    """Return whether the environment of a key is open."""
    with _LOCK:
        return key in _ENTRIES


# -- forks --------------------------------------------------------------------------------


def _before_fork() -> None:
    _LOCK.acquire()
    for entry in _ENTRIES.values():
        entry.environment.before_fork()
        _PAUSED.append(entry.environment)


def _after_fork_in_parent() -> None:
    while _PAUSED:
        _PAUSED.pop().after_fork_in_parent()
    _LOCK.release()


def _after_fork_in_child() -> None:
    while _PAUSED:
        _PAUSED.pop().after_fork_in_child()
    _LOCK.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
