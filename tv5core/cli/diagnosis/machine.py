"""Facts of the machine and of this process: none of them needs a catalogue."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from tv5core import kernels
from tv5core.cores import core_quota, visible_cores

__all__ = ["Kernels", "Limits", "Machine", "Memory", "look_at_kernels", "look_at_machine"]

_ROOT = Path("/")


@dataclass(frozen=True)
class Kernels:
    """The compiled kernels.

    Attributes
    ----------
    available : list of str
        Best first; ``numpy`` is always there.
    active : str
    chosen_by : str
        Value of ``TV5_KERNELS``; empty where the best was taken.
    processor : str
        Its name, empty where unknown.
    """

    available: list[str]
    active: str
    chosen_by: str
    processor: str


@dataclass(frozen=True)
class Limits:
    """Limits of this process; None is no limit, or that the system has none of the kind.

    Attributes
    ----------
    open_files, open_files_hard : int or None
    address_space_bytes, file_bytes, locked_bytes : int or None
    mappings, mappings_used : int or None
        Memory mappings (``vm.max_map_count``), and how many there are.
    """

    open_files: int | None
    open_files_hard: int | None
    address_space_bytes: int | None
    file_bytes: int | None
    locked_bytes: int | None
    mappings: int | None
    mappings_used: int | None


@dataclass(frozen=True)
class Memory:
    """Memory in bytes; None where the system does not say.

    Attributes
    ----------
    total, available, swap : int or None
    group_limit, group_used : int or None
        Of the control group, which is the container where there is one.
    huge_pages : str
        ``always``, ``madvise`` or ``never``; empty where unknown.
    """

    total: int | None
    available: int | None
    swap: int | None
    group_limit: int | None
    group_used: int | None
    huge_pages: str


@dataclass(frozen=True)
class Machine:
    """The machine as this process sees it.

    Attributes
    ----------
    system : str
        Name, version and C library.
    bits : int
        Width of addresses.
    cores : int
        That this process may use.
    core_quota : float or None
        Processor time that the control group may use, in cores.
    memory : Memory
    limits : Limits
    """

    system: str
    architecture: str
    bits: int
    cores: int
    core_quota: float | None
    memory: Memory
    limits: Limits


def look_at_kernels(root: Path = _ROOT) -> Kernels:
    """Return which kernels there are."""
    lines = _read(root, "proc/cpuinfo").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    chosen = os.environ.get("TV5_KERNELS", "")
    return Kernels(list(kernels.available()), kernels.active(), chosen, next(names, ""))


def look_at_machine(root: Path = _ROOT) -> Machine:
    """Return the facts of the machine; ``root`` holds ``proc`` and ``sys``, for tests."""
    return Machine(
        " ".join([platform.system(), platform.release(), *filter(None, platform.libc_ver())]),
        platform.machine(),
        sys.maxsize.bit_length() + 1,
        visible_cores(),
        core_quota(root),
        _memory(root),
        _limits(root),
    )


def _read(root: Path, path: str) -> str:
    """Return a file of the kernel's; empty where there is none, as on macOS."""
    with contextlib.suppress(OSError):
        return (root / path).read_text("utf-8", errors="replace")
    return ""


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None


def _memory(root: Path) -> Memory:
    known = {}
    for line in _read(root, "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if (amount := value.split()) and amount[0].isdigit():
            known[name] = int(amount[0]) * 1024
    huge = _read(root, "sys/kernel/mm/transparent_hugepage/enabled")
    return Memory(
        known.get("MemTotal"),
        known.get("MemAvailable"),
        known.get("SwapTotal"),
        *_group(root, known.get("MemTotal")),
        huge.partition("[")[2].partition("]")[0],
    )


def _group(root: Path, total: int | None) -> tuple[int | None, int | None]:
    """Return limit and use of the control group; version 1 has a huge number for no limit."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        found = _number(_read(root, f"sys/fs/cgroup/{limit}"))
        if found is not None and (total is None or found < total):
            return found, _number(_read(root, f"sys/fs/cgroup/{used}"))
    return None, None


def _limits(root: Path) -> Limits:
    soft, hard = (_finite(value) for value in resource.getrlimit(resource.RLIMIT_NOFILE))
    return Limits(
        soft,
        hard,
        _limit("RLIMIT_AS"),
        _limit("RLIMIT_FSIZE"),
        _limit("RLIMIT_MEMLOCK"),
        _number(_read(root, "proc/sys/vm/max_map_count")),
        len(_read(root, "proc/self/maps").splitlines()) or None,
    )


def _limit(name: str) -> int | None:
    """Return a soft limit; not every system has each."""
    kind = getattr(resource, name, None)
    return None if kind is None else _finite(resource.getrlimit(kind)[0])


def _finite(value: int) -> int | None:
    return None if value == resource.RLIM_INFINITY else value
