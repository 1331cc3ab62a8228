"""How far a sync has come, stored in one transaction with the titles it has brought."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Checkpoint", "decode_checkpoint", "is_visible"]

_XIDS = 1 << 32


class Checkpoint(msgspec.Struct, frozen=True):
    """The progress of a sync.

    Attributes
    ----------
    mapping : str
        Digest of the mapping that the titles were made by.
    system, database : str
        The cluster's identifier and the database: those of another are not to be mixed in.
    slot, publication : str
        What is ours there.
    phase : str
        ``loading``, ``log`` (following the log) or ``polling``.
    lsn : int
        All transactions that end up to here are in the catalogue.
    snapshot : str
        What the first load saw, as ``pg_current_snapshot()`` writes it; later transactions of the
        log that it saw already are passed over.
    cursor : str
        Polling: the newest ``updated_at`` that was read.
    """

    mapping: str = ""
    system: str = ""
    database: str = ""
    slot: str = ""
    publication: str = ""
    phase: Literal["loading", "log", "polling"] = "loading"
    lsn: int = 0
    snapshot: str = ""
    cursor: str = ""

    def encode(self) -> bytes:
        """Return the checkpoint as it is stored."""
        return msgspec.msgpack.encode(self)


def decode_checkpoint(raw: bytes | None) -> Checkpoint | None:
    """Decode a checkpoint; None where there is none, or it is not readable."""
    try:
        return None if raw is None else msgspec.msgpack.decode(raw, type=Checkpoint)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def is_visible(xid: int, snapshot: str) -> bool:
    """Return whether a snapshot saw a transaction of the log, whose number has 32 bits only.

    Parameters
    ----------
    xid : int
    snapshot : str
        ``xmin:xmax:xip,xip``; empty sees none.
    """
    if not snapshot:
        return False
    low, high, running = snapshot.split(":")
    newest = int(high)
    full = newest - ((newest - xid) % _XIDS)
    if (newest - xid) % _XIDS >= _XIDS // 2 or full >= newest:
        return False  # begun after it
    return full < int(low) or str(full) not in running.split(",")
