"""What is wrong with the facts, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tv5core.cli.diagnosis.catalogue import CatalogueFacts
from tv5core.cli.diagnosis.disk import Clock, Disk
from tv5core.cli.diagnosis.machine import Kernels, Limits, Machine, Memory
from tv5core.cli.diagnosis.packages import Packages

__all__ = ["Examination", "Finding", "find"]

GB = 1 << 30
NETWORK_KINDS = frozenset(
    "9p afs beegfs ceph cifs fuse.glusterfs fuse.rclone fuse.s3fs fuse.sshfs gfs2 gpfs lustre "
    "ncpfs nfs nfs4 ocfs2 orangefs smb2 smb3 smbfs virtiofs".split()
)
MEMORY_KINDS = frozenset({"ramfs", "tmpfs"})
LEAST_FILES, COMFORTABLE_FILES = 256, 4_096
LEAST_MAPPINGS = 65_530
LEAST_MEMORY_BYTES, COMFORTABLE_MEMORY_BYTES = GB // 4, GB
LEAST_ROOM_BYTES, COMFORTABLE_ROOM_BYTES = GB // 8, 2 * GB
SLOW_SYNC_S = 0.05
MOST_SKEW_S = 2.0
YEAR_2025_S = 1_735_689_600


@dataclass(frozen=True)
class Examination:
    """All facts; ``catalogue`` is None where there is none to look at."""

    packages: Packages
    kernels: Kernels
    machine: Machine
    disk: Disk
    catalogue: CatalogueFacts | None = None


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    is_wrong : bool
        Whether something will fail or be lost; else it is only worth knowing.
    what, advice : str
        What is the case, and what to do.
    """

    is_wrong: bool
    what: str
    advice: str


def find(facts: Examination) -> list[Finding]:
    """Return what is wrong first, then what is worth knowing."""
    found = [
        *_in_packages(facts.packages),
        *_in_kernels(facts.kernels),
        *_in_machine(facts.machine),
        *_in_memory(facts.machine.memory),
        *_in_limits(facts.machine.limits),
        *_in_disk(facts.disk),
        *_in_room(facts.disk),
        *_in_clock(facts.disk.clock),
    ]
    if facts.catalogue is not None:
        found += _in_catalogue(facts.catalogue)
    return sorted(found, key=lambda finding: not finding.is_wrong)


def _in_packages(packages: Packages) -> Iterator[Finding]:
    if missing := [name for name, version in packages.core.items() if not version]:
        yield Finding(
            True, f"packages that tv5core needs are missing: {', '.join(missing)}",
            "install tv5core again: pip install --force-reinstall tv5core",
        )  # fmt: skip
    extras = packages.extras
    whole = {name for found in extras.values() if all(found.values()) for name in found}
    for extra, versions in extras.items():
        missing = [name for name, version in versions.items() if not version]
        # What another extra brought is no part of this one: several bring `cli`.
        if missing and any(version and name not in whole for name, version in versions.items()):
            yield Finding(
                False, f"the extra {extra} is installed in part; missing: {', '.join(missing)}",
                f"where it is wanted: pip install 'tv5core[{extra}]'",
            )  # fmt: skip


def _in_kernels(kernels: Kernels) -> Iterator[Finding]:
    best = kernels.available[0]
    if best == "numpy":
        yield Finding(
            True, "the compiled kernels are missing; NumPy is many times slower",
            "install a wheel for this platform, or a C compiler, and then tv5core again",
        )  # fmt: skip
    elif kernels.active != best:
        yield Finding(
            False, f"TV5_KERNELS={kernels.chosen_by} has {kernels.active} used where {best} can be",
            "unset TV5_KERNELS unless that is wanted",
        )  # fmt: skip


def _in_machine(machine: Machine) -> Iterator[Finding]:
    if machine.bits < 64:
        yield Finding(
            True, f"Python has addresses of {machine.bits} bits; catalogues are mapped into memory",
            "use a Python of 64 bits",
        )  # fmt: skip
    if not machine.system.startswith("Linux"):
        yield Finding(
            False, f"tv5core is tested on Linux, not on {machine.system.split()[0]}",
            "see the page on installing for what is known",
        )  # fmt: skip
    if machine.core_quota is not None and machine.core_quota < machine.cores:
        yield Finding(
            False,
            f"the container may use {machine.core_quota:g} cores, and {machine.cores} are visible",
            "tv5core keeps to that; set OMP_NUM_THREADS for libraries that go by the visible ones",
        )


def _in_memory(memory: Memory) -> Iterator[Finding]:
    free = memory.available
    if memory.group_limit is not None and memory.group_used is not None:
        left = max(0, memory.group_limit - memory.group_used)
        free = left if free is None else min(left, free)
    if free is not None and free < COMFORTABLE_MEMORY_BYTES:
        yield Finding(
            free < LEAST_MEMORY_BYTES, f"{_mb(free)} of memory are available",
            "an index takes about 0.3 GB for 100,000 titles: give the machine or container more",
        )  # fmt: skip


def _in_limits(limits: Limits) -> Iterator[Finding]:
    files = limits.open_files
    if files is not None and files < COMFORTABLE_FILES:
        yield Finding(
            files < LEAST_FILES, f"{files:,} files and connections may be open at once",
            f"a gateway wants {COMFORTABLE_FILES:,}: ulimit -n, or LimitNOFILE of the service",
        )  # fmt: skip
    if limits.address_space_bytes is not None:
        yield Finding(
            True, f"the address space is limited to {_mb(limits.address_space_bytes)}",
            "lift it (ulimit -v unlimited): catalogues are mapped into it, far beyond their size",
        )  # fmt: skip
    if limits.file_bytes is not None:
        yield Finding(
            True, f"files may not grow beyond {_mb(limits.file_bytes)}",
            "lift it (ulimit -f unlimited): data.mdb is one file",
        )  # fmt: skip
    if limits.mappings is not None and limits.mappings < LEAST_MAPPINGS:
        yield Finding(
            False, f"a process may have {limits.mappings:,} memory mappings",
            f"for many catalogues in one process: sysctl vm.max_map_count={LEAST_MAPPINGS}",
        )  # fmt: skip


def _in_disk(disk: Disk) -> Iterator[Finding]:
    place = f"{disk.folder} ({disk.kind or 'unknown file system'})"
    if disk.kind in NETWORK_KINDS:
        yield Finding(
            True, f"{place} is a network file system, where LMDB's locks and mappings fail",
            "keep the catalogue on a local disk, and backups elsewhere",
        )  # fmt: skip
    if disk.kind in MEMORY_KINDS:
        yield Finding(
            False, f"{place} is memory: what is stored there is lost when the machine stops",
            "keep what should last on a disk",
        )  # fmt: skip
    if disk.kind == "overlay":
        yield Finding(
            False, f"{place} belongs to a container and is lost with it",
            "keep the catalogue on a volume",
        )  # fmt: skip
    if not disk.can_write:
        yield Finding(
            True, f"nothing can be written to {place}",
            "check its owner, permissions, room, and whether it is mounted read-only",
        )  # fmt: skip
        return
    for works, what in ((disk.can_map, "shared memory mappings"), (disk.can_lock, "file locks")):
        if not works:
            yield Finding(
                True, f"{what} do not work on {place}", "keep the catalogue on a local disk"
            )
    if disk.sync_s is not None and disk.sync_s > SLOW_SYNC_S:
        yield Finding(
            False, f"a synced write takes {disk.sync_s * 1e3:.0f} ms on {place}",
            "add titles in batches: each call of add waits for one to three of them",
        )  # fmt: skip


def _in_room(disk: Disk) -> Iterator[Finding]:
    if disk.free_bytes < COMFORTABLE_ROOM_BYTES:
        yield Finding(
            disk.free_bytes < LEAST_ROOM_BYTES, f"{_mb(disk.free_bytes)} are free on {disk.folder}",
            "make room: sealing writes new files beside the old ones",
        )  # fmt: skip
    if 0 <= disk.free_files < 100:
        yield Finding(
            True, f"{disk.free_files} more files fit on {disk.folder}",
            "delete some: sealing needs about ten",
        )  # fmt: skip


def _in_clock(clock: Clock) -> Iterator[Finding]:
    if clock.time_s < YEAR_2025_S:
        yield Finding(
            True, "the clock is before 2025", "set it (NTP): cached values and limits expire by it"
        )
    if clock.skew_s is not None and abs(clock.skew_s) > MOST_SKEW_S:
        yield Finding(
            True, f"the file system's clock is {clock.skew_s:+.0f} s off this machine's",
            "have both follow NTP: files are compared by their times",
        )  # fmt: skip


def _in_catalogue(catalogue: CatalogueFacts) -> Iterator[Finding]:
    if catalogue.failure:
        yield Finding(
            True, f"the catalogue fails: {catalogue.failure}",
            f"look closer: tv5 verify --catalog {catalogue.path}",
        )  # fmt: skip
        return
    for what in catalogue.recovered:
        yield Finding(False, f"opening mended: {what}", "tv5 verify tells whether all is well")
    if catalogue.titles and catalogue.text_search:
        yield Finding(
            False, f"texts cannot be searched: {catalogue.text_search}",
            f"tv5 seal --catalog {catalogue.path}",
        )  # fmt: skip
    if catalogue.pending:
        yield Finding(
            False, f"{catalogue.pending:,} titles wait to be embedded",
            f"tv5 seal --catalog {catalogue.path}",
        )  # fmt: skip


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
