"""FolderWriter: the one who may change an index's folder, from its opening to its release."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tv5core.files import SealedFile
from tv5core.files.locking import WriterLock
from tv5core.vectors import folder
from tv5core.vectors.folder import Manifest
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.settings import SearchSettings

__all__ = ["FolderWriter"]


class FolderWriter:
    """A folder that no other index writes to, and the manifest in it.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: Path, lock: WriterLock, manifest: Manifest) -> None:
        self.path = path
        self._lock, self._manifest = lock, manifest

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> FolderWriter:
        """Claim a folder for a new index; see :func:`folder.claim`."""
        return cls(path, *folder.claim(path, manifest))

    @classmethod
    def open(cls, path: Path) -> tuple[FolderWriter, Manifest, SealedGraph | None]:
        """Take over the index that is there; see :func:`folder.open_writer`."""
        lock, manifest, graph = folder.open_writer(path)
        return cls(path, lock, manifest), manifest, graph

    def check(self) -> None:
        """Raise CatalogError where another may write: after a fork, or in a folder put there."""
        self._lock.check_held()

    def store_settings(self, settings: SearchSettings) -> None:
        """Replace the settings on disk."""
        manifest = msgspec.structs.replace(self._present(), settings=settings)
        folder.write_manifest(self.path, manifest)
        self._manifest = manifest

    def publish(
        self,
        settings: SearchSettings,
        files: tuple[Path, Path] | None = None,
        written: tuple[SealedFile, SealedFile] | tuple[None, None] = (None, None),
    ) -> None:
        """Name new files in the manifest, or none for an index without rows.

        Parameters
        ----------
        settings : SearchSettings
        files : pair of Path, optional
            Graph and rows, to be renamed.
        written : pair of SealedFile, optional
            What was written to them.
        """
        manifest = msgspec.structs.replace(
            self._manifest,
            generation=self._present().generation + 1,
            graph=written[0],
            rows=written[1],
            settings=settings,
        )
        folder.publish(self.path, manifest, files)
        self._manifest = manifest

    def _present(self) -> Manifest:
        """Read the manifest again: an interrupt may have come after it was replaced."""
        self.check()
        return folder.present_manifest(self.path) or self._manifest

    def release(self) -> None:
        """Let the next writer in."""
        self._lock.release()
