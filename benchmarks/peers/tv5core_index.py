"""tv5core's own index, through its public interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import F32, I64, Mask, Peer, Setting, Shape

_POOLS = (32, 64, 96, 128, 192, 256, 512, 1_024, 2_048)
CONNECTIVITY, EXPANSION_ADD = 24, 128  # tv5core's defaults from 20,000 rows on
_ERROR_MARGINS = (
    *(1.0, 1.25, 1.5, 1.75, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.25, 3.5),
    *(4.0, 5.0),
)
_OVERSAMPLING = 64.0  # what is rescored is left to the error margin


class Tv5core(Peer):
    """Walk over one-bit codes, then rescoring."""

    library = module = "tv5core"
    filters = adds = True

    def __init__(self, name: str, shape: Shape, rescoring: str) -> None:
        super().__init__(name, shape)
        self._rescoring = rescoring
        self.label = f"tv5core, {rescoring} rescoring"
        self._index: Any = None

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """Connectivity, construction width and type of the rescored rows."""
        return {
            "connectivity": CONNECTIVITY,
            "expansion_add": EXPANSION_ADD,
            "rescoring": self._rescoring,
        }

    @property
    def index_bytes(self) -> int:
        """Rows of the rescoring type, and links and codes."""
        return self.shape.rows * (np.dtype(self._rescoring).itemsize * self.shape.dim + 400)

    @property
    def build_bytes(self) -> int:
        """Codes and a graph over them."""
        return self.shape.rows * 800

    @property
    def serve_bytes(self) -> int:
        """Links and codes: rescored rows are mapped."""
        return self.shape.rows * 300

    def load_library(self) -> None:
        """Import it."""
        import tv5core.vectors  # noqa: F401

    def build(self, vectors: F32, folder: Path, threads: int) -> None:
        """Build through the public interface."""
        from tv5core.vectors import VectorIndex

        VectorIndex.build(
            vectors,
            path=folder / "index",
            metric=self.shape.metric,
            rescoring=self._rescoring,
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            threads=threads,
        ).close()

    def open(self, folder: Path) -> None:
        """Map it; graph and codes are verified, stored rows in the background."""
        from tv5core.vectors import VectorIndex

        self._index = VectorIndex.open(folder / "index", verify="background")

    def set_threads(self, count: int) -> None:
        """Let the check in the background end, which speed is not measured beside."""
        super().set_threads(count)
        if self._index is not None:
            self._index.wait_verified()

    def settings(self, k: int) -> list[list[Setting]]:
        """Return a ladder of error margins for each pool."""
        return [
            [
                {
                    "expansion_search": float(pool),
                    "oversampling": min(_OVERSAMPLING, pool / k),
                    "error_margin": margin,
                }
                for margin in _ERROR_MARGINS
            ]
            for pool in _POOLS
            if pool >= k
        ]

    def search(self, queries: F32, k: int, setting: Setting) -> I64:
        """Search; the keys come as int64 already."""
        keys: I64 = self._index.search(
            queries,
            k,
            expansion_search=int(setting["expansion_search"]),
            oversampling=setting["oversampling"],
            error_margin=setting["error_margin"],
            threads=self.threads,
        ).keys
        return keys

    def prepare_filter(self, allowed: Mask) -> Any:
        """Keep the bitmap for all searches."""
        return self._index.filter(allowed)

    def search_filtered(self, queries: F32, k: int, setting: Setting, allowed: Any) -> I64:
        """Search with a prepared filter."""
        keys: I64 = self._index.search(
            queries,
            k,
            expansion_search=int(setting["expansion_search"]),
            oversampling=setting["oversampling"],
            error_margin=setting["error_margin"],
            allow=allowed,
        ).keys
        return keys

    def open_for_adding(self, folder: Path, more: int) -> None:  # noqa: ARG002
        """Open writable; what is added stays in memory until it is sealed, which it never is."""
        from tv5core.vectors import VectorIndex

        self._index = VectorIndex.open(folder / "index", read_only=False)

    def add(self, vectors: F32, keys: I64) -> None:
        """Add to the head."""
        self._index.add(vectors, keys)

    def parts(self, folder: Path) -> dict[str, int]:  # noqa: ARG002
        """Return what the index reports."""
        sizes = self._index.memory()
        return {part: int(sizes[part]["total"]) for part in ("graph", "codes", "keys", "rescoring")}

    def close(self) -> None:
        """Unmap it."""
        if self._index is not None:
            self._index.close()
