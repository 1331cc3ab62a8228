"""How many threads or processes can run at once."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path

from tv5core.errors import InvalidInputError

__all__ = ["VARIABLE", "core_quota", "usable_cores", "visible_cores"]

VARIABLE = "TV5_CORES"
"""Environment variable: how many cores to use at most, whatever there are."""


def visible_cores() -> int:
    """Return how many cores this process may run on.

    Linux says it; macOS, which does not have ``sched_getaffinity``, says how many there are.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_cores() -> int:
    """Return how many cores to use: those visible, within the control group's quota, or fewer.

    A quota of processor time counts rounded up. ``TV5_CORES`` in the environment lowers the number.

    Raises
    ------
    InvalidInputError
        ``TV5_CORES`` is no number from 1.
    """
    cores, quota = visible_cores(), _quota()
    if quota is not None:
        cores = min(cores, max(1, math.ceil(quota)))
    return min(cores, _wanted() or cores)


def _wanted() -> int | None:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidInputError(f"expected a number of cores from 1 in {VARIABLE}, got {text!r}")
    return int(text)


@lru_cache(maxsize=1)
def _quota() -> float | None:
    return core_quota(Path("/"))


def core_quota(root: Path) -> float | None:
    """Return how much processor time the control group may use, in cores; None for no limit.

    Parameters
    ----------
    root : Path
        Holds ``proc`` and ``sys``.
    """
    top = root / "sys/fs/cgroup"
    own = _read(root / "proc/self/cgroup").strip().splitlines()
    unified = next((line[3:].strip("/") for line in own if line.startswith("0::")), "")
    # Inside of a container, the path may be one of the host's, which is not there.
    lowest = top / unified
    folders = {top, lowest, *(folder for folder in lowest.parents if top in folder.parents)}
    quotas = [_share(*_read(folder / "cpu.max").strip().partition(" ")[::2]) for folder in folders]
    old = top / "cpu"  # version 1
    quotas.append(_share(_read(old / "cpu.cfs_quota_us"), _read(old / "cpu.cfs_period_us")))
    return min((quota for quota in quotas if quota is not None), default=None)


def _share(quota: str, period: str) -> float | None:
    quota, period = quota.strip(), period.strip()
    if not (quota.isdigit() and period.isdigit() and int(period)):  # "max", or -1 in version 1
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except OSError:
        return ""
