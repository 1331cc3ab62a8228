"""Sections: small values in the catalogue's own database, each with its version and checksum.

A part of tv5core that keeps something beside titles and vectors (statistics of fields, settings of
a ranking) stores it as a section, under a name of its own. A section that a reader does not know
does not disturb it, and one that is damaged is reported and left out: its owner computes it
again. What is too large for one value belongs into a sealed file, whose sections have a version
and a checksum as well (``tv5core.files``), or into derived databases (``tv5core.store.derived``).

``section:NAME``   version (uint32, little-endian), body, CRC-32 of key, version and body
"""

from __future__ import annotations

import struct

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.store.checked_values import body_of, with_checksum
from tv5core.store.transaction import Txn

__all__ = ["PREFIX", "delete_section", "put_section", "section"]

PREFIX = b"section:"

_VERSION = struct.Struct("<I")


def put_section(txn: Txn, name: str, version: int, body: bytes) -> None:
    """Store a section, in place of the one of that name.

    Parameters
    ----------
    name : str
        Without a space or a colon.
    version : int
        Of what the body means, from 1.
    body : bytes
    """
    key = PREFIX + name.encode()
    txn.raw.put(key, with_checksum(key, _VERSION.pack(version) + body), db=txn.dbs.meta)


def section(txn: Txn, name: str, max_version: int) -> tuple[int, bytes] | None:
    """Return a section's version and body; None where there is none.

    Raises
    ------
    FormatVersionError
        It is newer than ``max_version``.
    CorruptFileError
        It is not what was stored.
    """
    key = PREFIX + name.encode()
    value = txn.raw.get(key, db=txn.dbs.meta)
    if value is None:
        return None
    body = body_of(key, value, f"a section {name!r}")
    if len(body) < _VERSION.size:
        raise CorruptFileError(f"expected a section {name!r} with a version, got {len(body)} bytes")
    version = int(_VERSION.unpack_from(body)[0])
    if not 1 <= version <= max_version:
        raise FormatVersionError(
            f"expected a section {name!r} of version {max_version} or less, got {version}: "
            "a newer tv5core wrote it"
        )
    return version, body[_VERSION.size :]


def delete_section(txn: Txn, name: str) -> bool:
    """Remove a section; return whether there was one."""
    return bool(txn.raw.delete(PREFIX + name.encode(), db=txn.dbs.meta))
