"""Cores, threads and memory of this machine and this process (Linux)."""

from __future__ import annotations

import gc
import os
import platform
from pathlib import Path

from benchmarks.results import Machine

__all__ = ["cores", "environment", "footprint", "machine", "peak_rss_bytes", "pin"]

_LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")
# Not LANCE_IO_THREADS: with one of those LanceDB waits for ever.
_POOLS = ("RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS", "LANCE_CPU_THREADS")


def cores() -> list[int]:
    """Return the cores this process may use, the last first: interrupts favour the first."""
    return sorted(os.sched_getaffinity(0), reverse=True)


def pin(some: list[int]) -> None:
    """Keep every thread of this process to some cores; threads to come inherit it."""
    for task in Path("/proc/self/task").iterdir():
        try:
            os.sched_setaffinity(int(task.name), some)
        except ProcessLookupError:  # it ended meanwhile
            continue


def environment(threads: int, pool: int) -> dict[str, str]:
    """Return variables for a child: OpenMP's and BLAS's threads, and fixed pools' threads."""
    variables = {f"{library}_NUM_THREADS": str(threads) for library in _LIBRARIES}
    return variables | dict.fromkeys(_POOLS, str(pool))


def machine() -> Machine:
    """Describe where this runs."""
    return Machine(
        processor=_field("/proc/cpuinfo", "model name") or platform.machine(),
        cores=len(cores()),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernels=_kernels(),
        python=platform.python_version(),
        system=platform.platform(),
        load_before=os.getloadavg()[0],
    )


def footprint() -> dict[str, int]:
    """Return this process's memory by kind, in bytes, from the kernel's own sums."""
    gc.collect()
    sums = dict(
        line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    )
    size = {name: int(value.split()[0]) * 1024 for name, value in sums.items()}
    return {
        "anonymous": size["Anonymous"],
        "file": size["Rss"] - size["Anonymous"],
        "proportional": size["Pss"],
        "resident": size["Rss"],
    }


def peak_rss_bytes() -> int:
    """Return the most memory this process ever had resident, mapped files included."""
    peak = _field("/proc/self/status", "VmHWM") or "0"
    return int(peak.split()[0]) * 1024


def _field(path: str, name: str) -> str | None:
    for line in Path(path).read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def _kernels() -> str:
    try:
        from tv5core import kernels
    except ImportError:
        return "not installed"
    return kernels.active()
