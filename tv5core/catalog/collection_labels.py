"""Labels: what a collection says of the catalogue it was made from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tv5core.errors import CollectionMismatchError, InvalidInputError, VectorDatabaseError
from tv5core.store.meta import Meta
from tv5core.vector_databases import CollectionAddress, Described

__all__ = ["COPY", "SERVED", "Labels", "check_fits"]

COPY, SERVED = "copy", "served"
"""Whether a collection is an export, or what a catalogue searches."""

_VERSION = 1


class Labels(msgspec.Struct, frozen=True):
    """Of one collection.

    Attributes
    ----------
    catalog : str
        Of the catalogue; see ``Meta.uid``.
    use : {"copy", "served"}
    space : int
        Which vectors they are.
    embedder : str
        Fingerprint of what made them.
    seq : int
        The journal entry up to which they are known to be there.
    complete : bool
        Whether all were sent once.
    extra_fields : dict of str to str
        Types of the catalogue's own fields.
    version : int
    """

    catalog: str
    use: str = COPY
    space: int = 0
    embedder: str = ""
    seq: int = 0
    complete: bool = False
    extra_fields: dict[str, str] = {}
    version: int = _VERSION

    @classmethod
    def of(cls, meta: Meta, use: str) -> Labels:
        """Return those of a collection that is begun now."""
        fields = dict(meta.extra_fields)
        return cls(meta.uid, use, meta.space, meta.embedder, meta.last_seq, extra_fields=fields)

    @classmethod
    def read(cls, stored: Mapping[str, str], address: CollectionAddress) -> Labels:
        """Return what a collection says.

        Raises
        ------
        CollectionMismatchError
            Nothing, or what no tv5core wrote.
        """
        try:
            labels = msgspec.json.decode(stored.get("catalog", ""), type=cls)
        except (msgspec.MsgspecError, ValueError):
            raise CollectionMismatchError(
                f"expected a collection that tv5core made at {address}, got one of others: choose "
                "another name"
            ) from None
        if labels.version > _VERSION:
            raise CollectionMismatchError(
                f"expected labels of version {_VERSION} or less at {address}, got "
                f"{labels.version}: a newer tv5core made it"
            )
        return labels

    def stored(self) -> dict[str, str]:
        """Return them as a collection keeps them."""
        return {"catalog": msgspec.json.encode(self).decode()}


def check_fits(found: Described, meta: Meta, use: str, address: CollectionAddress) -> Labels:
    """Return the labels of a collection of this catalogue, in its present space.

    Raises
    ------
    CollectionMismatchError
        It is another catalogue's, holds other vectors, or serves another purpose.
    """
    labels = Labels.read(found.labels, address)
    if labels.catalog != meta.uid:
        raise CollectionMismatchError(
            f"expected a collection of catalogue {meta.uid} at {address}, got one of "
            f"{labels.catalog}: choose another name"
        )
    if labels.use != use:
        raise CollectionMismatchError(
            f"expected a collection made as {use} at {address}, got one made as {labels.use}: "
            "choose another name"
        )
    if (found.dim, found.metric) != (meta.dim, meta.metric):
        raise CollectionMismatchError(
            f"expected {meta.dim} dimensions and {meta.metric} at {address}, got {found.dim} and "
            f"{found.metric}: replace it"
        )
    if (labels.space, labels.embedder) != (meta.space, meta.embedder):
        raise CollectionMismatchError(
            f"expected vectors of the embedder in use at {address}, got those of an earlier one: "
            "replace it"
        )
    return labels


def check_has_vectors(meta: Meta) -> None:
    """Refuse a catalogue that has no vectors yet, or no name of its own.

    Raises
    ------
    InvalidInputError, VectorDatabaseError
    """
    if not meta.dim:
        raise InvalidInputError("expected a catalogue with vectors, got one without any")
    if not meta.uid:
        raise VectorDatabaseError(
            "expected a catalogue with an identity, got one that an early version made: restore an "
            "export of it first"
        )
