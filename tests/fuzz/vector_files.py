"""Files of vectors, which other programs made: spoiled, they are refused or read."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tests.fuzz.mutate import spoil
from tests.vector_files.files import FILES
from tv5core.errors import CorruptFileError, ImportFormatError
from tv5core.vector_files import open_vectors
from tv5core.vector_files.hdf5 import true_neighbours


class VectorFiles:
    """A file of each format that is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "vectors"
        self.folder.mkdir()
        self.data = {suffix: self._made(suffix) for suffix in FILES}

    def _made(self, suffix: str) -> bytes:
        path = self.folder / f"sound.{suffix}"
        FILES[suffix][1](path)
        return path.read_bytes()

    def spoiled(self, chance: random.Random) -> str:
        """Spoil a file: refused, or every number of it can be read."""
        suffix = chance.choice(list(self.data))
        path = self.folder / f"x.{suffix}"
        path.unlink(missing_ok=True)  # an old map must not change under its reader
        path.write_bytes(spoil(self.data[suffix], chance))
        try:
            found = open_vectors(path, format=chance.choice([None, FILES[suffix][0]]))
            if suffix == "hdf5":
                true_neighbours(path)
        except (CorruptFileError, ImportFormatError):
            return "refused"
        with np.errstate(all="ignore"):
            np.asarray(found.vectors, np.float64).sum()
        if found.keys is not None:
            found.keys.sum()
        return "opened"
