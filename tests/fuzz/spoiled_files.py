"""What the targets that spoil files share."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import SilentError, spoil, spoil_inside
from tv5core.errors import CorruptFileError


class SpoiledFiles:
    """Files of one kind that are read together; one of them is spoiled at a time.

    Parameters
    ----------
    paths : sequence of Path
        They exist; spoiled copies get ``.x`` behind their names.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self.data = [path.read_bytes() for path in paths]

    @abstractmethod
    def load(self, *paths: Path) -> Any:
        """Open the files."""

    @abstractmethod
    def use(self, loaded: Any) -> None:
        """Do with what was opened whatever the product does."""

    def with_wrong_checksums(self, chance: random.Random) -> str:
        """Spoil any byte of one file: it must be refused."""
        which = chance.randrange(len(self.paths))
        data = spoil(self.data[which], chance)
        if data == self.data[which]:
            return "same"
        try:
            self._load(which, data)
        except CorruptFileError:
            return "refused"
        raise SilentError(f"a spoiled {self.paths[which].name} was opened")

    def with_right_checksums(self, chance: random.Random) -> str:
        """Spoil content and checksum it: refused, or used without leaving the file."""
        which = chance.randrange(len(self.paths))
        try:
            loaded = self._load(which, spoil_inside(self.data[which], chance))
        except CorruptFileError:
            return "refused"
        self.use(loaded)
        return "opened"

    def _load(self, which: int, data: bytes) -> Any:
        paths = list(self.paths)
        paths[which] = paths[which].with_name(f"{paths[which].name}.x")
        paths[which].unlink(missing_ok=True)  # an old map must not change under its reader
        paths[which].write_bytes(data)
        return self.load(*paths)
