"""The environments of this process: one for each file, counted by reference, closed for forks."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

from tv5core.lmdb_env.calls import Call, is_running, this_call
from tv5core.lmdb_env.forks import hold_imports, release_imports

__all__ = ["Member", "Owner", "acquire", "is_open", "release"]


class Owner:
    """Whoever uses an environment; once it is gone, so is its reference.

    Make it before acquiring and keep it for as long as the environment. So an exception out of a
    signal handler, between a reference's being added and its being kept, leaves none behind.
    """

    __slots__ = ("__weakref__",)


class Member(Protocol):
    """What the registry asks of an environment.

    Attributes
    ----------
    key : hashable or None
        Set by the registry.
    """

    key: Hashable | None

    def close(self) -> None:
        """Close for good: the last reference is gone."""

    def before_fork(self) -> None:
        """Close for a fork, if no transaction runs."""

    def after_fork_in_parent(self) -> None:
        """Allow transactions again."""

    def after_fork_in_child(self) -> None:
        """Replace locks whose holders do not exist here."""


MemberT = TypeVar("MemberT", bound=Member)


@dataclass(slots=True)
class _Entry:
    environment: Member
    owners: list[weakref.ref[Owner]] = field(default_factory=list)
    closing: Call | None = None

    def add(self, owner: Owner) -> None:
        self.owners.append(weakref.ref(owner))

    def remove(self, owner: Owner) -> bool:
        """Remove one reference of an owner; return whether that leaves none."""
        with suppress(ValueError):  # references to one object are equal
            self.owners.remove(weakref.ref(owner))
        return self.is_abandoned()

    def is_abandoned(self) -> bool:
        """Forget owners that are gone; return whether that leaves none."""
        self.owners = [one for one in self.owners if one() is not None]
        return not self.owners


_ENTRIES: dict[Hashable, _Entry] = {}
_LOCK = threading.RLock()
_PAUSE_S = 1e-3
_IMPORTS_S = 5.0


def acquire(
    key: Callable[[], Hashable | None],
    create: Callable[[], MemberT],
    join: Callable[[MemberT], None],
    owner: Owner,
) -> MemberT:
    """Create the environment of a key, or add a reference to the one that exists.

    Parameters
    ----------
    key : callable
        Identifies class and file; None where there is no file yet.
    create : callable
        Makes the environment where there is none, and the file.
    join : callable
        Adapts the existing one to its new user; where it raises, no reference is added.
    owner : Owner
        For :func:`release`.
    """
    _close_abandoned()
    while True:
        with _LOCK:
            present = key()
            entry = None if present is None else _ENTRIES.get(present)
            if entry is None:
                created = create()
                try:
                    created.key = key()
                    _ENTRIES[created.key] = entry = _Entry(created)
                    entry.add(owner)
                except BaseException:  # LMDB would refuse to open it again while it is open
                    _ENTRIES.pop(created.key, None)
                    created.close()
                    raise
                return created
            if entry.closing is None:
                existing = cast(MemberT, entry.environment)  # the key names its class
                join(existing)
                entry.add(owner)
                return existing
        # LMDB must not open a file again before it closed it.
        if not is_running(entry.closing):
            _close(entry)
        time.sleep(_PAUSE_S)


def release(environment: Member, owner: Owner) -> None:
    """Remove an owner's reference; the last one closes the environment."""
    with _LOCK:
        entry = _ENTRIES.get(environment.key)
        if entry is None or entry.environment is not environment or entry.closing is not None:
            return  # closed before
        if not entry.remove(owner):
            return
        entry.closing = this_call()
    _close(entry)


def _close_abandoned() -> None:
    """Close the environments whose owners are all gone."""
    with _LOCK:
        found = [e for e in _ENTRIES.values() if e.closing is None and e.is_abandoned()]
        for entry in found:
            entry.closing = this_call()
    for entry in found:
        _close(entry)


def _close(entry: _Entry) -> None:
    """Close without the lock: it waits for transactions, in one of which somebody may fork."""
    entry.environment.close()
    with _LOCK:
        if _ENTRIES.get(entry.environment.key) is entry:
            del _ENTRIES[entry.environment.key]


def is_open(key: Hashable | None) -> bool:
    """Return whether the environment of a key is open."""
    _close_abandoned()
    with _LOCK:
        return key in _ENTRIES


# -- forks --------------------------------------------------------------------------------


def _environments() -> list[Member]:
    return [entry.environment for entry in list(_ENTRIES.values())]


def _before_fork() -> None:
    environments = _environments()
    for environment in environments:
        environment.before_fork()
    if environments:  # last: who ends a transaction may have to import something
        hold_imports(_IMPORTS_S)


def _after_fork_in_parent() -> None:
    try:
        release_imports()
        _resume()
    except BaseException:  # out of a signal handler: nobody else would open the gates again
        release_imports()
        _resume()
        raise


def _resume() -> None:
    for environment in _environments():
        environment.after_fork_in_parent()


def _after_fork_in_child() -> None:
    global _LOCK  # noqa: PLW0603 - the thread that held it does not exist here
    release_imports()
    _LOCK = threading.RLock()
    for key, entry in list(_ENTRIES.items()):
        entry.environment.after_fork_in_child()
        if entry.closing is not None:
            del _ENTRIES[key]  # the thread that closes it does not exist here


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
