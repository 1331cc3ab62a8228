"""Cache keys of a catalogue: namespaces, normalised queries, digests."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_floats, check_type
from tv5core.catalog import Catalog
from tv5core.errors import InvalidInputError

__all__ = ["digest", "namespace", "normalized", "query_key"]


def namespace(catalog: Catalog) -> str:
    """Return what all keys of one catalogue start with; it differs for any other catalogue."""
    check_type("catalog", catalog, Catalog)
    return hashlib.blake2b(catalog.identity().encode(), digest_size=8).hexdigest()


def normalized(query: str | npt.ArrayLike) -> str | npt.NDArray[np.float32]:
    """Return a query in its canonical form: text in NFC, or a vector as float32.

    Only white space and the encoding of accents are normalised: an embedder may distinguish
    upper from lower case.

    Raises
    ------
    InvalidInputError
    """
    if isinstance(query, str):
        return " ".join(unicodedata.normalize("NFC", query).split())
    return np.ascontiguousarray(as_floats("a text or a vector", query))


def query_key(query: str | npt.NDArray[np.float32]) -> Any:
    """Return what identifies a normalised query in a key."""
    return query if isinstance(query, str) else [list(query.shape), query.tobytes()]


def digest(parts: Sequence[Any]) -> str:
    """Return a 128-bit digest of anything msgpack can encode, in hexadecimal.

    Raises
    ------
    InvalidInputError
        It cannot be encoded, such as text with half a surrogate pair.
    """
    try:
        raw = msgspec.msgpack.encode(list(parts))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"expected ids and text to search by, got {error}") from error
    return hashlib.blake2b(raw, digest_size=16).hexdigest()
