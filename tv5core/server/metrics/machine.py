"""What the processes and the machine use, from /proc and the control group.

No node exporter need run beside a gateway: shares of processors, memory and disk are measured
here. Memory is that of the container where it has a limit.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "Usage"]

_PROC, _CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SKIPPED = ("loop", "ram", "zram", "dm-", "sr", "fd")


@dataclass(frozen=True)
class Usage:
    """Shares are 0 to 1; None where the machine does not say.

    Attributes
    ----------
    cpu, memory, disk : float or None
        Shares of the machine, over the time since the last look.
    resident_bytes, files : int
        Of this process.
    cpu_s : float
        Processor time of this process since it began.
    """

    cpu: float | None
    memory: float | None
    disk: float | None
    resident_bytes: int
    files: int
    cpu_s: float


class Machine:
    """Looks at /proc; shares are over the time between two looks.

    Parameters
    ----------
    proc, cgroup : Path
        Roots, to be replaced in tests.
    """

    def __init__(self, proc: Path = _PROC, cgroup: Path = _CGROUP) -> None:
        self._proc, self._cgroup = proc, cgroup
        self._cpu = self._cpu_times()
        self._disk = (time.monotonic(), self._disk_ms())

    def look(self) -> Usage:
        """Return what is in use now."""
        own = os.times()
        return Usage(
            self._cpu_share(),
            self._memory_share(),
            self._disk_share(),
            self._resident_bytes(),
            self._count_files(),
            own.user + own.system,
        )

    def _lines(self, *names: str) -> list[str]:
        with contextlib.suppress(OSError):
            return self._proc.joinpath(*names).read_text().splitlines()
        return []

    # -- processors -----------------------------------------------------------------------

    def _cpu_times(self) -> tuple[int, int]:
        """Return the ticks in use and all ticks."""
        line = next((one for one in self._lines("stat") if one.startswith("cpu ")), "")
        ticks = [int(part) for part in line.split()[1:9]]
        return (sum(ticks) - sum(ticks[3:5]), sum(ticks)) if ticks else (0, 0)

    def _cpu_share(self) -> float | None:
        before, self._cpu = self._cpu, self._cpu_times()
        passed = self._cpu[1] - before[1]
        return (self._cpu[0] - before[0]) / passed if passed > 0 else None

    # -- memory ---------------------------------------------------------------------------

    def _memory_share(self) -> float | None:
        info = {line.split(":")[0]: line.split()[1] for line in self._lines("meminfo")}
        total_kb, free_kb = int(info.get("MemTotal", 0)), int(info.get("MemAvailable", 0))
        shares = [1 - free_kb / total_kb] if total_kb else []
        if (own := self._group_share(total_kb * 1024)) is not None:
            shares.append(own)
        return max(shares) if shares else None

    def _group_share(self, total_bytes: int) -> float | None:
        """Return the share of the control group's limit; None where it has none below all."""
        try:
            limit = (self._cgroup / "memory.max").read_text().strip()
            used = int((self._cgroup / "memory.current").read_text())
            facts = dict(
                line.split() for line in (self._cgroup / "memory.stat").read_text().splitlines()
            )
        except (OSError, ValueError):
            return None
        if limit == "max" or int(limit) > total_bytes > 0:
            return None
        return max(0, used - int(facts.get("inactive_file", 0))) / int(limit)

    # -- disks ----------------------------------------------------------------------------

    def _disk_ms(self) -> dict[str, int]:
        """Return the milliseconds that each disk has worked: field 13 of /proc/diskstats."""
        rows = [line.split() for line in self._lines("diskstats")]
        return {
            row[2]: int(row[12])
            for row in rows
            if len(row) > 12 and not row[2].startswith(_SKIPPED)
        }

    def _disk_share(self) -> float | None:
        (then, before), now = self._disk, time.monotonic()
        self._disk = (now, self._disk_ms())
        worked = [ms - before[name] for name, ms in self._disk[1].items() if name in before]
        passed_ms = (now - then) * 1e3
        return min(1.0, max(worked) / passed_ms) if worked and passed_ms > 0 else None

    # -- this process ---------------------------------------------------------------------

    def _resident_bytes(self) -> int:
        lines = self._lines("self", "statm")
        return int(lines[0].split()[1]) * _PAGE_BYTES if lines else 0

    def _count_files(self) -> int:
        try:
            return sum(1 for _ in (self._proc / "self" / "fd").iterdir())
        except OSError:
            return 0
