"""RemoteIndex: an index whose rows are in a collection, but for those that are on their way there.

It is a :class:`VectorIndex` with a :class:`RemoteSegment` where that has sealed rows. What is added
or replaced is live here and found here, until :meth:`RemoteIndex.arrived` says that the collection
has it; what is removed is not found from then on, whatever the collection still has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.errors import InvalidInputError
from tv5core.types import Progress
from tv5core.vector_databases.guard import GuardedCollection
from tv5core.vector_databases.segment import RemoteSegment
from tv5core.vectors import SearchSettings, VectorIndex
from tv5core.vectors.metric import Metric
from tv5core.vectors.segment_set import SegmentSet

__all__ = ["RemoteIndex"]

I64 = npt.NDArray[np.int64]


class RemoteSegments(SegmentSet):
    """The rows elsewhere, those that are live here, and the deletions of both."""

    def start(self, segment: RemoteSegment) -> None:
        """Begin with what is elsewhere."""
        self._sealed = segment
        self._publish()

    def arrived(self, keys: I64) -> None:
        """Find some live rows, by ascending key, elsewhere from now on."""
        self._settle()
        live, segment = self._live, self._sealed
        moved = np.asarray([key for key in keys.tolist() if live and key in live], np.int64)
        if live is None or not len(moved) or not isinstance(segment, RemoteSegment):
            return
        self._changing = True
        live.delete(moved)
        if not live.alive_count:
            live.stop_linking()
            self._live = None
        else:
            live.compact()
        self._sealed = segment.having(moved)
        self._publish()
        self._changing = False

    def live_keys(self) -> I64:
        """Return the keys of the rows that are live here, ascending."""
        return np.empty(0, np.int64) if self._live is None else np.sort(self._live.keys())

    def elsewhere(self, keys: I64) -> I64:
        """Return those of some keys whose rows are found elsewhere."""
        return keys[self._sealed_rows(keys) >= 0]


class RemoteIndex(VectorIndex):
    """Vectors of a collection, and those on their way there.

    Parameters
    ----------
    dim, metric, rescoring, settings
        As for ``VectorIndex``; ``rescoring`` is of live rows.
    collection : GuardedCollection
    """

    def __init__(
        self,
        dim: int,
        metric: str,
        rescoring: str,
        settings: SearchSettings | None,
        collection: GuardedCollection,
    ) -> None:
        super().__init__(dim, Metric.named(metric), rescoring, settings)
        self.collection = collection
        self._remote = RemoteSegments(dim, self._rescoring, walkable=self._metric.unit_length)
        self._segments = self._remote
        self.start(np.empty(0, np.int64))

    def start(self, keys: I64) -> None:
        """Begin with the keys, ascending, of what the collection has."""
        with self._lock:
            self._remote.start(RemoteSegment.of(self.collection, keys))

    def arrived(self, keys: I64) -> None:
        """Note that the collection has some rows as they are here."""
        with self._lock:
            self._remote.arrived(np.sort(keys))

    def settle(self, waiting: I64) -> I64:
        """Note that it has all but some; return those of them that have to be read anew."""
        with self._lock:
            self._remote.arrived(np.setdiff1d(self._remote.live_keys(), waiting))
            return self._remote.elsewhere(waiting)

    @property
    def live_count(self) -> int:
        """Rows that are here, on their way."""
        return len(self._remote.live_keys())

    @property
    def removed_count(self) -> int:
        """None that a sealing here could drop."""
        return 0

    def settings_for(self, *_: Any, **__: Any) -> SearchSettings:
        """Refuse: the server's index is not ours to calibrate."""
        raise InvalidInputError(
            f"expected vectors of this catalogue's own to calibrate, got those of "
            f"{self.collection.address}: its URL says how it searches"
        )

    calibrate = settings_for

    def seal(self, progress: Progress | None = None) -> None:  # noqa: ARG002
        """Refuse: there are no files."""
        raise InvalidInputError("expected an index with files to seal, got one of a collection")
