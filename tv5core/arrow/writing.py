"""Tables of titles and of hits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tv5core.arrow.schema import FIELD_TYPES, title_schema
from tv5core.types import Hit, Title

__all__ = ["hits_table", "titles_batch", "titles_table", "vectors_field"]

F32 = npt.NDArray[np.float32]
VECTORS = "vector"


def vectors_field(dim: int) -> Any:
    """Return the ``pyarrow.Field`` of vectors: ``vector``, a fixed-size list of float32."""
    return pa.field(VECTORS, pa.list_(pa.float32(), dim))


def titles_batch(
    titles: Sequence[Title],
    extra_fields: Mapping[str, str],
    vectors: tuple[F32, npt.NDArray[np.bool_]] | None = None,
) -> Any:
    """Return titles as a ``pyarrow.RecordBatch``.

    Parameters
    ----------
    titles : sequence of Title
    extra_fields : mapping of str to str
        Types of the catalogue's own fields by name.
    vectors : (float32[n, dim], bool[n]), optional
        Their vectors, and which of them have one.
    """
    schema = title_schema(extra_fields)
    arrays = [_column(titles, field) for field in schema]
    if vectors is not None:
        matrix, has = vectors
        flat = pa.array(np.ascontiguousarray(matrix).reshape(-1))
        field = vectors_field(matrix.shape[1])
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, type=field.type, mask=pa.array(~has)))
        schema = schema.append(field)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def titles_table(titles: Iterable[Title], extra_fields: Mapping[str, str]) -> Any:
    """Return titles as a ``pyarrow.Table``."""
    return pa.Table.from_batches([titles_batch(list(titles), extra_fields)])


def hits_table(hits: Sequence[Hit]) -> Any:
    """Return hits as a ``pyarrow.Table``: ``score``, ``relevance``, then the title's fields.

    Fields of the catalogue's own are columns ``extra.NAME``, as far as a hit has them.
    """
    titles = [hit.title for hit in hits]
    scores = [pa.array([hit.score for hit in hits], pa.float64())]
    scores.append(pa.array([hit.relevance for hit in hits], pa.float64()))
    fields = [pa.field(name, kind) for name, kind in FIELD_TYPES.items()]
    arrays = [_column(titles, field) for field in fields]
    names = ["score", "relevance", *FIELD_TYPES]
    for name in sorted({name for title in titles for name in title.extra}):
        values = [title.extra.get(name) for title in titles]
        arrays.append(pa.array([list(v) if isinstance(v, tuple) else v for v in values]))
        names.append(f"extra.{name}")
    return pa.table([*scores, *arrays], names=names)


def _column(titles: Sequence[Title], field: Any) -> Any:
    if field.name.startswith("extra."):
        own = field.name.removeprefix("extra.")
        return pa.array([_plain(title.extra.get(own)) for title in titles], field.type)
    return pa.array([_plain(getattr(title, field.name)) for title in titles], field.type)


def _plain(value: Any) -> Any:
    """Return what Arrow takes: dicts of structures, lists of tuples, pairs of mappings."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    return value
