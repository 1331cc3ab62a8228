"""Built indexes on disk, found again by what they were built from.

An index lives in ``<work>/<peer>-<hash>``: its own files under ``index``, and ``build.json`` with
what building it took. A folder has that name only once it is whole; until then it has a hidden one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.data.datasets import Dataset
from benchmarks.machine.limits import require_disk, require_memory
from benchmarks.peers.base import Peer
from benchmarks.process.client import Client
from benchmarks.results import Build

__all__ = ["Index", "Sidecar", "build", "find", "folder_of"]

_SIDECAR, _FILES = "build.json", "index"
_BUILD_TIMEOUT_S = 8 * 3_600.0

Progress = Callable[[str], None]


class Sidecar(msgspec.Struct, frozen=True):
    """What an index was built from, and what that took."""

    peer: str
    version: str
    parameters: dict[str, str | int | float]
    content_hash: str
    created: str
    disk_bytes: int
    build: Build


@dataclass(frozen=True)
class Index:
    """A whole index; ``reused`` from an earlier run or built by this one."""

    folder: Path
    sidecar: Sidecar
    reused: bool

    @property
    def files(self) -> Path:
        """Where the peer's own files are."""
        return self.folder / _FILES


def folder_of(peer: Peer, dataset: Dataset, work: Path) -> Path:
    """Return where a peer's index over a dataset belongs."""
    parameters = sorted(peer.parameters.items())
    identity = repr((peer.name, peer.version(), parameters, dataset.content_hash, peer.shape))
    return work / f"{peer.name}-{hashlib.blake2b(identity.encode(), digest_size=6).hexdigest()}"


def find(peer: Peer, dataset: Dataset, work: Path) -> Index | None:
    """Return the whole index of an earlier run, if there is one."""
    folder = folder_of(peer, dataset, work)
    try:
        sidecar = msgspec.json.decode((folder / _SIDECAR).read_bytes(), type=Sidecar)
    except (OSError, msgspec.DecodeError):
        return None
    return Index(folder, sidecar, reused=True)


def build(
    peer: Peer, dataset: Dataset, work: Path, cores: list[int], *, rebuild: bool, progress: Progress
) -> Index:
    """Find an index, or build it in a process of its own.

    Raises
    ------
    InsufficientError
        Too little disk or memory, before anything is built.
    WorkerError
        Building failed.
    """
    kept = None if rebuild else find(peer, dataset, work)
    if kept is not None:
        progress(f"{peer.name}: index of {kept.sidecar.created} found in {kept.folder}")
        return kept
    final = folder_of(peer, dataset, work)
    require_disk(work, peer.index_bytes, f"the index of {peer.name}")
    require_memory(peer.build_bytes, f"building {peer.name}")
    _clear_abandoned(final)
    part = final.with_name(f".{final.name}.{os.getpid()}")
    (part / _FILES).mkdir(parents=True)
    try:
        sidecar = _built(peer, dataset, part, cores, progress)
        (part / _SIDECAR).write_bytes(msgspec.json.format(msgspec.json.encode(sidecar)))
        if final.exists():
            shutil.rmtree(final)
        part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Index(final, sidecar, reused=False)


def _built(
    peer: Peer, dataset: Dataset, part: Path, cores: list[int], progress: Progress
) -> Sidecar:
    load = os.getloadavg()[0]
    progress(f"{peer.name}: building on {len(cores)} cores, load average {load:.2f}")
    files, log = part / _FILES, part / "build.log"
    with Client(peer.name, dataset.folder, files, log, cores, len(cores)) as client:
        answer = client.ask("build", threads=len(cores), timeout_s=_BUILD_TIMEOUT_S)
    took = Build(answer["seconds"], len(cores), answer["peak_rss_bytes"], load)
    size = sum(path.stat().st_size for path in files.rglob("*") if path.is_file())
    progress(f"{peer.name}: built in {took.seconds:,.1f} s, {size / 1e6:,.0f} MB on disk")
    return Sidecar(
        peer=peer.name,
        version=peer.version(),
        parameters=peer.parameters,
        content_hash=dataset.content_hash,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        disk_bytes=size,
        build=took,
    )


def _clear_abandoned(final: Path) -> None:
    """Remove what processes that are gone have left half-built under the same name."""
    for path in final.parent.glob(f".{final.name}.*"):
        process = path.name.rpartition(".")[2]
        if not process.isdigit() or not Path("/proc", process).exists():
            shutil.rmtree(path, ignore_errors=True)
