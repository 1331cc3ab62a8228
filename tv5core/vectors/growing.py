"""Grow a sealed graph: files with the rows of the old ones that are left, and with the new rows.

Only what is new is linked, so sealing costs a copy and the walks of the new rows. The new rows look
for neighbours in the old graph first, which says where they belong: beside their nearest row, so
that what is near stays near in memory. Then all rows get their numbers, the rows file is written,
and links are chosen by it as :mod:`tv5core.vectors.linking` does, in two passes. Rows that linked
to deleted ones choose anew among what is left and the links of those (as in FreshDiskANN; Singh and
others, 2021).

The centre and the lists of entry points stay; one in sixteen of the new rows joins a list. So a
graph may grow by a share only until it is built anew: see :func:`growth_of`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.files import SealedFile, SectionFile, SectionStream, disk_errors, write_sections
from tv5core.kernels import NONE, LinkRows
from tv5core.types import Progress
from tv5core.vectors.builder import NATIVE
from tv5core.vectors.entry_points import ONE_IN, Source, cut_lists, probes_while_building
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION, ROWS_KIND, ROWS_VERSION, walker_of
from tv5core.vectors.linking import Workers, connect, link_rows, reversed_links, room_for
from tv5core.vectors.live_segment import LiveSegment
from tv5core.vectors.packed_links import pack
from tv5core.vectors.row_recall import enough_for
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.sealing import BuildOptions, Density, row_sections, rows_meta
from tv5core.vectors.segment import Snapshot, alive_rows
from tv5core.vectors.stored_rows import StoredRows

__all__ = ["Growth", "growth_of"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

LEAST_ROWS = 20_000
"""Sealed rows from which growing is worth it: fewer are built anew in two seconds."""
MOST_CHANGED = 0.25
"""Share of rows added and dropped since the graph was built, up to which it grows."""
_BLOCK_ROWS = 8_192
_CHUNK = 256  # rows a task
_LEAST_BATCH = 1_024
_BATCHES = 32


def growth_of(snapshot: Snapshot, options: BuildOptions) -> Growth | None:
    """Return how a sealed graph takes in what changed; None where it is to be built anew.

    That is where there is none or a small one, where it has changed too much since it was built,
    or where its new rows are not encoded as the old ones are: the links are chosen by int8 rows,
    and of vectors of different lengths by codes that are not kept.
    """
    sealed = [one for one in snapshot.segments if isinstance(one, SealedSegment)]
    live = [one for one in snapshot.segments if isinstance(one, LiveSegment)]
    if len(sealed) != 1 or len(sealed) + len(live) != len(snapshot.segments):
        return None
    growth = Growth(sealed[0], live[0] if live else None, options)
    return growth if growth.is_worth_it else None


@dataclass(frozen=True)
class Growth:
    """A sealed segment, and the live rows that join it.

    Rows have a number among all: the old rows' own, deleted ones included, then the new rows.
    """

    sealed: SealedSegment
    live: LiveSegment | None
    options: BuildOptions

    @property
    def is_worth_it(self) -> bool:
        """Whether the result is as good as a graph built anew."""
        graph, live = self.sealed.graph, self.live
        values = graph.rows.values
        centred = graph.rows.frame is not None and graph.rows.frame.centred
        alike = centred and (live is None or self._new_rows is not None)
        return (
            len(graph) >= LEAST_ROWS
            and self.options.graph == NATIVE
            and self.sealed.alive_count > 0
            and graph.metric.unit_length
            and values.dtype == np.int8
            and alike
            and self._keeps_enough
            and graph.links.shape[1] == room_for(self.density.connectivity)
            and graph.changed is not None
            and self._changed <= MOST_CHANGED * len(graph)
        )

    @property
    def density(self) -> Density:
        """How dense a graph of as many rows is built."""
        return self.options.density(self.count)

    @property
    def _keeps_enough(self) -> bool:
        """Whether rows are stored as exactly as a recall asked for since they were needs it."""
        graph = self.sealed.graph
        kept, wanted = graph.recall.stored, enough_for(self.options.target_recall)
        coarse = graph.rescoring == "auto" and graph.rows.residuals is None
        return not coarse or kept is None or kept >= wanted

    @property
    def _changed(self) -> int:
        """Rows added and dropped since the graph was built."""
        before = self.sealed.graph.changed or 0
        return before + len(self._new) + len(self.sealed) - self.sealed.alive_count

    @cached_property
    def _new(self) -> I64:
        """Rows of the live segment that join."""
        return np.empty(0, np.int64) if self.live is None else alive_rows(self.live)

    @cached_property
    def _new_rows(self) -> StoredRows | None:
        """The live segment's rows as the sealed ones are stored; None where they cannot be."""
        graph = self.sealed.graph
        if self.live is None:
            return graph.rows
        return self.live.rows.converted(graph.rows.kind, graph.quantizer)

    @property
    def count(self) -> int:
        """Rows of the result."""
        return self.sealed.alive_count + len(self._new)

    def write(
        self, graph: Path, rows: Path, progress: Progress | None = None
    ) -> tuple[SealedFile, SealedFile]:
        """Write both files durably, as :class:`Sealing` does.

        Raises
        ------
        DiskFullError, DiskFailureError
        """
        report = progress or _no_progress
        with disk_errors(graph.parent), Workers(self.options.threads) as run:
            report(0, self.count, "building graph")
            near = self._near(run, report)
            order, centroids, offsets = self._placed(near)
            pair = secrets.randbits(62)
            report(0, self.count, "writing")
            written = self._write_rows(rows, pair, order)
            growing = _Grown.of(self, order, centroids, offsets, rows, run)
            growing.link(near, report)
            report(0, self.count, "writing")
            return growing.write(graph, pair, self._changed), written

    # -- where rows belong ----------------------------------------------------------------

    @property
    def _source(self) -> Source:
        """The new rows, by number in the live segment."""
        graph = self.sealed.graph
        rows = graph.rows if self.live is None else self.live.rows
        return Source(graph.quantizer, rows.coarse)

    def _near(self, run: Workers, report: Progress) -> U32:
        """Find old rows near each new one, nearest first: uint32[new, width]."""
        graph, width = self.sealed.graph, self.density.expansion_add
        near = np.empty((len(self._new), width), np.uint32)
        probes = probes_while_building(len(graph.centroids))
        walker = walker_of(
            graph.codes, graph.links, graph.centroids, graph.lists, probes, graph.quantizer.bits
        )

        def find(at: int) -> None:
            ready = self._source.prepared(self._new[at : at + _CHUNK])
            near[at : at + _CHUNK] = walker.walk(ready, width, width)[0]

        steps = range(0, len(near), _CHUNK)
        run(find, steps, lambda at: report(min(at + _CHUNK, len(near)), self.count, "linking"))
        return near

    def _placed(self, near: U32) -> tuple[I64, U8, U32]:
        """Return all rows in their order, and the lists of entry points that come first."""
        graph, n = self.sealed.graph, len(self.sealed)
        entries, new = int(graph.lists[-1]), len(self._new)
        joining = np.random.default_rng([self.options.seed, n]).permutation(new)[: new // ONE_IN]
        alive = alive_rows(self.sealed)
        first, others = alive[alive < entries], alive[alive >= entries]
        list_of = np.searchsorted(graph.lists, np.arange(entries), side="right") - 1
        ready = self._source.prepared(self._new[joining])
        nearest = kernels.scan_codes(graph.centroids, ready, 1)[0][:, 0].astype(np.int64)
        lists = np.concatenate([list_of[first], nearest])
        ahead = np.concatenate([first, n + joining])[np.argsort(lists, kind="stable")]
        if not len(ahead):  # all entry points are deleted, and no row joins: take any
            ahead, others, lists = others[:1], others[1:], np.zeros(1, np.int64)
        which, offsets = cut_lists(np.bincount(lists, minlength=len(graph.centroids)))
        left = np.setdiff1d(np.arange(new), joining)
        beside = np.where(near[left, 0] < n, near[left, 0], n).astype(np.float64) + 0.5
        rest = np.concatenate([others, n + left])
        places = np.argsort(np.concatenate([others.astype(np.float64), beside]), kind="stable")
        layout = graph.quantizer.layout
        centroids = layout.pad(graph.centroids[which][:, : layout.size])
        return np.concatenate([ahead, rest[places]]), centroids, offsets

    # -- copies in the new order ----------------------------------------------------------

    def copied(self, old: npt.NDArray[Any], new: npt.NDArray[Any], some: I64) -> npt.NDArray[Any]:
        """Take rows of the sealed and of the live segment by their numbers among all."""
        taken = np.empty((len(some), *old.shape[1:]), old.dtype)
        n = len(self.sealed)
        taken[some < n] = old[some[some < n]]
        taken[some >= n] = new[self._new[some[some >= n] - n]]
        return taken

    def _stream(self, old: npt.NDArray[Any], new: npt.NDArray[Any], order: I64) -> SectionStream:
        steps = range(0, len(order), _BLOCK_ROWS)
        blocks = (self.copied(old, new, order[at : at + _BLOCK_ROWS]) for at in steps)
        return SectionStream(old.dtype, (len(order), *old.shape[1:]), blocks)

    def _write_rows(self, path: Path, pair: int, order: I64) -> SealedFile:
        graph, new = self.sealed.graph, self._new_rows
        if new is None:
            raise TypeError("expected new rows that are stored as the sealed ones")
        old, joining = row_sections(graph.rows), row_sections(new)
        sections: dict[str, npt.NDArray[Any] | SectionStream] = {
            name: self._stream(old[name], joining[name], order) for name in old
        }
        meta = rows_meta(pair, graph.rows, graph.rescoring, graph.recall)
        return write_sections(path, ROWS_KIND, ROWS_VERSION, meta, sections)

    def keys(self, order: I64) -> I64:
        """Return keys by new number."""
        new = self.sealed.keys if self.live is None else self.live.keys
        return self.copied(self.sealed.keys, new, order)

    def codes(self, order: I64) -> U8:
        """Return codes by new number, on cache lines as a sealed file has them."""
        layout, old = self.sealed.quantizer.layout, self.sealed.codes
        new = old if self.live is None else self.live.codes
        codes = layout.aligned(len(order))
        for at in range(0, len(order), _BLOCK_ROWS):
            some = order[at : at + _BLOCK_ROWS]
            copied = self.copied(old[:, : layout.size], new[:, : layout.size], some)
            codes[at : at + _BLOCK_ROWS, : layout.size] = copied
        return codes


@dataclass(frozen=True)
class _Grown:
    """The graph of a growth, by new number."""

    growth: Growth
    order: I64
    rank: U32
    """New number of each row among all, NONE of deleted ones; one more, NONE, at the end."""
    codes: U8
    links: U32
    centroids: U8
    offsets: U32
    rows: LinkRows
    run: Workers

    @classmethod
    def of(
        cls, growth: Growth, order: I64, centroids: U8, offsets: U32, rows: Path, run: Workers
    ) -> _Grown:
        """Copy codes, and links without those of deleted rows."""
        room = growth.sealed.graph.links.shape[1]
        total = len(growth.sealed) + len(growth._new)  # noqa: SLF001
        rank = np.full(total + 1, NONE, np.uint32)
        rank[order] = np.arange(len(order), dtype=np.uint32)
        links = np.full((len(order), room), NONE, np.uint32)
        places = np.arange(len(order), dtype=np.uint32)
        stored = _mapped_rows(rows)
        return cls(
            growth, order, rank, growth.codes(order), links, centroids, offsets,
            link_rows(stored, places, by_direction=False), run,
        )  # fmt: skip

    def link(self, near: U32, report: Progress) -> None:
        """Copy what links are left, mend those of deleted rows, then link the new rows."""
        self._copy(report)
        n = len(self.growth.sealed)
        fresh = self.rank[n : n + len(near)].astype(np.int64)
        known = self.rank[np.where(near < n, near, len(self.rank) - 1)]
        by_place = np.argsort(fresh)
        fresh, known = fresh[by_place], known[by_place]
        walker = kernels.graph(
            self.codes,
            self.links,
            self.centroids,
            self.offsets,
            probes_while_building(len(self.centroids)),
            self.growth.sealed.quantizer.bits,
        )
        self._join(fresh, known)
        step = max(_LEAST_BATCH, len(self.links) // _BATCHES)
        for start in range(0, len(fresh), step):
            some = fresh[start : start + step]
            self._join(some, self._found(walker, some))
            report(start + len(some), len(self.links), "building graph")
        connect(self.links, int(self.offsets[-1]))

    def _copy(self, report: Progress) -> None:
        graph, n = self.growth.sealed.graph, len(self.growth.sealed)
        for at in range(0, len(self.order), _BLOCK_ROWS):
            places = np.arange(at, min(at + _BLOCK_ROWS, len(self.order)))
            places = places[self.order[places] < n]
            old = graph.links[self.order[places]]
            # NONE, clipped to the last place of the ranks, stays NONE.
            new = self.rank[np.minimum(old, len(self.rank) - 1)]
            torn = np.flatnonzero(((new == NONE) & (old < n)).any(axis=1))
            new[torn] = np.take_along_axis(
                new[torn], np.argsort(new[torn] == NONE, axis=1, kind="stable"), axis=1
            )
            self.links[places] = new
            self._mend(places[torn], old[torn])
            report(at, len(self.order), "building graph")

    def _mend(self, rows: I64, old: U32) -> None:
        """Offer rows that linked to deleted ones the links of those."""
        graph, n = self.growth.sealed.graph, len(self.growth.sealed)
        deleted = (old < n) & (self.rank[np.minimum(old, len(self.rank) - 1)] == NONE)
        offered = np.full((*old.shape, old.shape[1]), NONE, np.uint32)
        beyond = graph.links[old[deleted].astype(np.int64)]
        offered[deleted] = self.rank[np.minimum(beyond, len(self.rank) - 1)]
        self._select(rows, offered.reshape(len(rows), old.shape[1] ** 2))

    def _found(self, walker: kernels.Graph, rows: I64) -> U32:
        growth, width = self.growth, self.growth.density.expansion_add
        places = growth._new[self.order[rows] - len(growth.sealed)]  # noqa: SLF001
        found = np.empty((len(rows), width), np.uint32)

        def find(at: int) -> None:
            ready = growth._source.prepared(places[at : at + _CHUNK])  # noqa: SLF001
            found[at : at + _CHUNK] = walker.walk(ready, width, width)[0]

        self.run(find, range(0, len(rows), _CHUNK))
        return found

    def _join(self, rows: I64, candidates: U32) -> None:
        """Select the links of rows, and link back."""
        self._select(rows, candidates)
        targets, offsets, sources = reversed_links(self.links[rows], rows.astype(np.uint32))

        def join(at: int) -> None:
            stop = min(at + _CHUNK, len(targets))
            self._linker.add_reverse_links(targets, offsets, sources, at, stop)

        self.run(join, range(0, len(targets), _CHUNK))

    def _select(self, rows: I64, candidates: U32) -> None:
        def choose(at: int) -> None:
            for place in range(at, min(at + _CHUNK, len(rows))):
                self._linker.select_neighbors(candidates[place : place + 1], int(rows[place]))

        self.run(choose, range(0, len(rows), _CHUNK))

    @cached_property
    def _linker(self) -> kernels.Linker:
        room = self.links.shape[1]
        return kernels.linker(self.rows, self.links, room, room)

    def write(self, path: Path, pair: int, changed: int) -> SealedFile:
        """Write the graph file."""
        quantizer, metric = self.growth.sealed.quantizer, self.growth.sealed.graph.metric
        keys = self.growth.keys(self.order)
        packed, places = pack(self.links)
        quantizer.layout.set_places(self.codes, places)
        sections: dict[str, npt.NDArray[Any] | SectionStream] = {
            "records": self.codes,
            "packed_links": packed.data,
            "centroids": self.centroids,
            "lists": self.offsets,
            "keys": keys,
            "by_key": np.argsort(keys).astype(np.uint32),
            "center": quantizer.center,
            "signs": quantizer.signs.astype(np.int8),
        }
        meta = {"metric": metric.name, "pair": pair, "changed": changed}
        meta |= {"degree": packed.degree, "width": packed.width}
        return write_sections(path, GRAPH_KIND, GRAPH_VERSION, meta, sections)


def _mapped_rows(path: Path) -> StoredRows:
    """Map rows that were written a moment ago."""
    file = SectionFile.open(path, ROWS_KIND, ROWS_VERSION, verify=False)
    return StoredRows(file.section("values"), file.section("factors"))


def _no_progress(_done: int, _total: int, _stage: str) -> None:
    """Report nothing."""
