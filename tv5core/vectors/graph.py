"""SealedGraph: two immutable files of one sealing, mapped; the graph is walked in place.

The ``graph`` file (kind ``GRPH``) has these sections:

- ``records`` uint8[n, stride]: codes and the places of links, as
  :class:`tv5core.kernels.code_layout.CodeLayout` says;
- ``packed_links`` uint8[...]: neighbours, list by list, as :class:`tv5core.kernels.PackedLinks`
  says;
- ``centroids`` uint8[lists, stride] (codes, too) and ``lists`` uint32[lists + 1]: entry points,
  list by list, and where the rows of each list begin;
- ``keys`` int64[n] by row, and ``by_key`` uint32[n]: rows in ascending order of key;
- ``center`` float32[dim] and ``signs`` int8[rounds, bits]: the rotation.

Its metadata holds ``metric``, ``pair``, ``degree``, the links that a row has room for, ``width``,
bytes of a link, and, where the graph has grown since it was built, ``changed``: how many rows were
added and dropped. Up to version 3 there were ``links`` uint32[n, degree], padded with NONE, instead
of packed ones. Up to version 2 there were ``upper`` uint32[m, connectivity] and, in the metadata,
``level_sizes`` instead of lists, the upper levels of an HNSW graph; the rows of one level are now
scanned as one list.

The ``rows`` file (kind ``ROWS``) has ``values`` and, for int8, ``factors`` float32[n, 2], the scale
of each row and what is added to its scores, and perhaps ``residuals`` int8[n, dim]. Its metadata
holds ``pair``; ``frame``: ``rotated`` where rows are rotated by ``signs``, ``raw`` where they are
not; ``centred``: whether they leave the graph's ``center`` out; ``rescoring``: what was asked for;
and ``recall``: what they keep of the order of the vectors given (:class:`RowRecall`). Up to version
2 there were ``scales`` float32[n] instead of factors, and rows were not centred; in version 1 they
were not rotated either. :mod:`tv5core.vectors.stored_rows` says how scores are made of them.

``pair`` is a random number that ties the two files together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.files import SectionFile
from tv5core.kernels.code_layout import CodeLayout
from tv5core.vectors.entry_points import probes_of
from tv5core.vectors.keyed_rows import SegmentId
from tv5core.vectors.metric import Metric
from tv5core.vectors.packed_links import MOST_LINKS, PackedLists
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.row_recall import RowRecall
from tv5core.vectors.stored_rows import Frame, StoredRows
from tv5core.vectors.validation import Rescoring, check_rescoring

__all__ = ["GRAPH_KIND", "GRAPH_VERSION", "ROWS_KIND", "ROWS_VERSION", "SealedGraph", "walker_of"]

GRAPH_KIND, ROWS_KIND = "GRPH", "ROWS"
GRAPH_VERSION, ROWS_VERSION = 4, 3

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

# Types and dimensions of the sections.
_GRAPH_SECTIONS = {
    "records": ("|u1", 2),
    "links": ("<u4", 2),
    "packed_links": ("|u1", 1),
    "centroids": ("|u1", 2),
    "lists": ("<u4", 1),
    "keys": ("<i8", 1),
    "by_key": ("<u4", 1),
    "center": ("<f4", 1),
    "signs": ("|i1", 2),
}
_ROWS_SECTIONS = {
    "values": ("|i1 <f2 <f4", 2),
    "scales": ("<f4", 1),
    "factors": ("<f4", 2),
    "residuals": ("|i1", 2),
}
_BLOCK_ROWS = 65_536
_SCANNED_LEVEL = 4_096  # rows, at most, of an old graph's level that walks scan


def _check_kinds(file: SectionFile, kinds: dict[str, tuple[str, int]]) -> None:
    for name in file.names:
        if name in kinds:
            types, dimensions = kinds[name]
            section = file.section(name)
            if section.dtype.str not in types.split() or section.ndim != dimensions:
                raise CorruptFileError(
                    f"{file.path.name}: expected {name} of {types} in {dimensions} dimensions, "
                    f"got {section.dtype.str} in {section.ndim}"
                )


def _frame(rows: SectionFile, quantizer: Quantizer) -> Frame | None:
    """Return what was done to rows, by the names in their file."""
    name, centred = rows.meta.get("frame", "raw"), rows.meta.get("centred", False)
    if name not in ("raw", "rotated") or not isinstance(centred, bool):
        raise CorruptFileError(
            f"expected rows that are raw or rotated, centred or not, got {name!r}, {centred!r}"
        )
    if name == "rotated" and not len(quantizer.signs):
        raise CorruptFileError("expected signs of a rotation beside rotated rows, got none")
    return Frame(quantizer, name == "rotated", centred) if centred or name == "rotated" else None


def _stored_rows(rows: SectionFile, quantizer: Quantizer) -> StoredRows:
    frame = _frame(rows, quantizer)
    name = "factors" if frame is not None and frame.centred else "scales"
    factors = rows.section(name) if name in rows else None
    residuals = rows.section("residuals") if "residuals" in rows else None
    return StoredRows(rows.section("values"), factors, frame, residuals)


def _rescoring(rows: SectionFile, stored: StoredRows) -> Rescoring:
    """Return what was asked for when rows were stored."""
    return check_rescoring(str(rows.meta.get("rescoring", stored.kind)))


def _links(graph: SectionFile, codes: U8, layout: CodeLayout) -> U32 | PackedLists:
    """Return the links, packed or, of older files, padded."""
    if "packed_links" not in graph:
        return graph.section("links")
    degree, width = int(graph.meta["degree"]), int(graph.meta["width"])
    if degree > MOST_LINKS:
        raise CorruptFileError(f"expected at most {MOST_LINKS} links of a row, got {degree}")
    packed = kernels.PackedLinks(graph.section("packed_links"), width, degree)
    return PackedLists(codes, layout, packed)


def _lists(
    graph: SectionFile, codes: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Return the centroids of the lists where walks begin, and where their rows begin."""
    if "centroids" in graph:
        return graph.section("centroids"), graph.section("lists")
    levels = [int(size) for size in graph.meta["level_sizes"]]
    entries = next((size for size in levels if size <= _SCANNED_LEVEL), min(levels, default=1))
    return np.zeros((1, codes.shape[1]), np.uint8), np.array([0, entries], np.uint32)


def walker_of(
    codes: U8, links: U32 | PackedLists, centroids: U8, lists: U32, probes: int, bits: int
) -> kernels.Graph:
    """Return a graph to walk, in place."""
    given = links.packed if isinstance(links, PackedLists) else links
    return kernels.graph(codes, given, centroids, lists, probes, bits)


@dataclass(frozen=True)
class SealedGraph:
    """Mapped arrays of one sealing.

    Attributes
    ----------
    quantizer : Quantizer
    metric : Metric
    keys : int64[n]
        By row.
    by_key : uint32[n]
        Rows in ascending order of key.
    codes : uint8[n, >= size]
        As :class:`CodeLayout` says, with the places of packed links; ``records`` in the file.
    links
        Lists of neighbours by row, padded with NONE where they are read.
    centroids, lists
        As the walker takes them.
    rows : StoredRows
    rescoring : str
        What was asked for when they were stored.
    recall : RowRecall
        What they keep of the order of the vectors given.
    walker : kernels.Graph
    changed : int or None
        Rows added and dropped since the graph was built; None of files before format 4.
    unchecked : SectionFile or None
        The file of the rows where its blocks are still to be checked.
    checksums : tuple of int
        Of the two files, as their ``SealedFile``s have them.
    id : SegmentId
    """

    quantizer: Quantizer
    metric: Metric
    keys: I64
    by_key: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.uint8]
    links: U32 | PackedLists
    centroids: npt.NDArray[np.uint8]
    lists: npt.NDArray[np.uint32]
    rows: StoredRows
    rescoring: Rescoring
    recall: RowRecall
    walker: kernels.Graph
    checksums: tuple[int, int]
    changed: int | None = None
    unchecked: SectionFile | None = None
    id: SegmentId = field(default_factory=SegmentId)

    @cached_property
    def searcher(self) -> kernels.Searcher:
        """The walker with the rotation and the stored rows."""
        return self._searcher_of(self.rows)

    @cached_property
    def coarse_searcher(self) -> kernels.Searcher:
        """The same without the residuals of rows."""
        return self.searcher if self.rows.residuals is None else self._searcher_of(self.rows.coarse)

    def _searcher_of(self, rows: StoredRows) -> kernels.Searcher:
        rotation, frame = self.quantizer, rows.frame
        return self.walker.searcher(
            rotation.center,
            rotation.signs,
            rows.values,
            rows.factors,
            None if frame is None else frame.shift,
            None if frame is None else frame.center,
            rows.residuals,
        )

    @classmethod
    def open(
        cls, graph: Path, rows: Path, *, verify: bool = True, rows_later: bool = False
    ) -> SealedGraph:
        """Map both files and check that they belong together and hold what they claim.

        Parameters
        ----------
        graph, rows : Path
        verify : bool
            Check every block's checksum first. Without, only heads are checked: for callers who
            have verified the same bytes already.
        rows_later : bool
            Leave the blocks of the rows, nine tenths of all, to the caller, who finds their file
            as ``unchecked``. Nothing follows what they hold: they are numbers that scores are
            made of.

        Raises
        ------
        CorruptFileError
            Sizes, checksums or shapes do not hold.
        FormatVersionError
            A newer tv5core wrote the file.
        """
        files = (
            SectionFile.open(graph, GRAPH_KIND, GRAPH_VERSION, verify=verify),
            SectionFile.open(rows, ROWS_KIND, ROWS_VERSION, verify=verify and not rows_later),
        )
        try:
            sealed = cls._from_sections(*files, verify=verify)
        except (KeyError, TypeError, ValueError, OverflowError, InvalidInputError) as error:
            raise CorruptFileError(f"{graph.name}: expected a sealed graph, got {error}") from error
        return replace(sealed, unchecked=files[1]) if rows_later else sealed

    @classmethod
    def _from_sections(cls, graph: SectionFile, rows: SectionFile, *, verify: bool) -> SealedGraph:
        if graph.meta["pair"] != rows.meta["pair"]:
            raise CorruptFileError(
                f"expected the two files of one sealing, got {graph.path.name} and "
                f"{rows.path.name} of two"
            )
        _check_kinds(graph, _GRAPH_SECTIONS)
        _check_kinds(rows, _ROWS_SECTIONS)
        codes = graph.section("records")
        centroids, lists = _lists(graph, codes)
        signs = np.ascontiguousarray(graph.section("signs"), np.float32)
        quantizer = Quantizer(np.array(graph.section("center")), signs)
        links = _links(graph, codes, quantizer.layout)
        stored = _stored_rows(rows, quantizer)
        sealed = cls(
            quantizer,
            Metric.named(str(graph.meta["metric"])),
            graph.section("keys"),
            graph.section("by_key"),
            codes,
            links,
            centroids,
            lists,
            stored,
            _rescoring(rows, stored),
            msgspec.convert(rows.meta.get("recall", {}), RowRecall),
            walker_of(codes, links, centroids, lists, probes_of(len(centroids)), quantizer.bits),
            (graph.checksum, rows.checksum),
            int(graph.meta.get("changed", 0)) if "centroids" in graph else None,
        )
        sealed._check_shapes()
        if verify:
            sealed._check_keys()
        return sealed

    def _check_shapes(self) -> None:
        n, dim = len(self.keys), self.quantizer.dim
        want = {
            "by_key": (n,),
            "values": (n, dim),
        }
        got = {
            "by_key": self.by_key.shape,
            "values": self.rows.values.shape,
        }
        self._check_rows()
        if got != want or n == 0:
            raise CorruptFileError(f"expected sections of {want}, got {got}")
        layout, shape = self.quantizer.layout, self.codes.shape
        if shape[0] != n or not layout.size <= shape[1] <= layout.stride:
            raise CorruptFileError(f"expected {n} codes of {layout.size} bytes, got {shape}")
        if int(self.by_key.max()) >= n:
            raise CorruptFileError(f"expected rows below {n}, got {int(self.by_key.max())}")

    def _check_rows(self) -> None:
        rows, shape, n = self.rows, self.rows.values.shape, len(self.keys)
        whole = rows.values.dtype == np.int8
        if whole != (rows.factors is not None):
            raise CorruptFileError("expected scales beside int8 values, and only there")
        if (
            rows.frame is not None
            and rows.frame.rotated
            and self.quantizer.dim != self.quantizer.bits
        ):
            raise CorruptFileError("expected rotated rows only without padding")
        if not whole and (rows.frame is not None or rows.residuals is not None):
            raise CorruptFileError("expected rotated or centred rows and residuals only of int8")
        width = (2,) if rows.frame is not None and rows.frame.centred else ()
        if rows.factors is not None and rows.factors.shape != (n, *width):
            raise CorruptFileError(f"expected factors of {n} rows, got {rows.factors.shape}")
        if rows.residuals is not None and rows.residuals.shape != shape:
            raise CorruptFileError(f"expected residuals of {shape}, got {rows.residuals.shape}")

    def _check_keys(self) -> None:
        """Check that ``by_key`` sorts the keys, each of which is there once."""
        last = -1
        for start in range(0, len(self), _BLOCK_ROWS):
            keys = self.keys[self.by_key[start : start + _BLOCK_ROWS]]
            if int(keys[0]) <= last or (keys[1:] <= keys[:-1]).any():
                raise CorruptFileError("expected keys from 0 in ascending order, each once")
            last = int(keys[-1])

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: I64) -> I64:
        """Return the row of each key, -1 where it is not here: int64[m] -> int64[m]."""
        return kernels.find_keys(self.keys, self.by_key, np.ascontiguousarray(keys, np.int64))
