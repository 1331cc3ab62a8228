"""How far an import has read each file, so that it resumes after an interruption."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from tv5core.importers.base import Options, Source

__all__ = ["Mark", "decode_mark", "identity_of", "key_of", "size_of"]


class Mark(msgspec.Struct):
    """A checkpoint: which file, how far, and the counts so far."""

    identity: bytes
    rows: int = 0
    new: int = 0
    merged: int = 0
    changed: int = 0
    unchanged: int = 0


def decode_mark(raw: bytes | None) -> Mark | None:
    """Read a stored checkpoint; None where there is none, or of another kind."""
    try:
        return None if raw is None else msgspec.msgpack.decode(raw, type=Mark)
    except msgspec.DecodeError:
        return None


def size_of(source: Source) -> int:
    """Bytes of a file and its partner, packed as they are."""
    partner = source.partner
    return _stat(source.path)[0] + (0 if partner is None else _stat(partner.path)[0])


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def key_of(source: Source) -> str:
    """Key under which a file's checkpoint is stored."""
    digest = hashlib.blake2b(str(source.label.absolute()).encode("utf-8", "surrogateescape"))
    return f"import:{digest.hexdigest()[:32]}:{source.format}"


def identity_of(source: Source, options: Options) -> bytes:
    """Digest everything that decides what the rows of a file are."""
    partner = None if source.partner is None else _stat(source.partner.path)
    mapping = sorted((options.mapping or {}).items())
    parts = [_stat(source.path), partner, options.provider, options.region, mapping]
    parts += [options.date_format, options.encoding, options.prefer]
    parts += [sorted(options.extra_fields.items())]
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).digest()
