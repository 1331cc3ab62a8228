"""A model of a disk: what is durable, and what a loss of power may leave of the rest.

- A file's contents are durable up to the last sync that began after they were written; of what was
  written since, any part may be there: each piece of 4 KiB and each change of the size by itself,
  and of a piece perhaps only its first sectors.
- A folder's entries are durable up to its last sync; of the changes since, any first ones are there
  (file systems order them), or, more strictly, any at all.
- A file is there only where an entry for it is.

A disk that acknowledges a sync without doing it is out of scope: nothing above it can be safe.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PIECE = 4096

WRITE, SIZE, SYNC_BEGIN, SYNC_END, WHOLE, CREATE = range(1, 7)
RENAME, LINK, UNLINK, MKDIR, RMDIR, NOTE = range(7, 13)
_HEAD = struct.Struct("<IIQQQII")


class Record(NamedTuple):
    """One operation of the log; see ``struct record`` in ``shim.c``."""

    kind: int
    durable: bool
    inode: int
    offset: int
    text: str
    other: str
    data: bytes


def read_log(path: Path) -> list[Record]:
    """Read a log."""
    data, at, found = path.read_bytes(), 0, []
    while at + _HEAD.size <= len(data):
        kind, durable, inode, offset, length, text, other = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        with_data = length if kind in (WRITE, WHOLE) else 0
        texts = data[at : at + text], data[at + text : at + text + other]
        at += text + other
        first, second = (os.fsdecode(some) for some in texts)
        body = data[at : at + with_data]
        found.append(Record(kind, bool(durable), inode, offset, first, second, body))
        at += with_data
    return found


class File:
    """Contents that are durable, and what was done since, in order."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.since: list[Record] = []
        self._begun = 0

    def sync_begins(self) -> None:
        """Note what a sync will cover."""
        self._begun = len(self.since)

    def sync_ends(self) -> None:
        """Make that durable."""
        for record in self.since[: self._begun]:
            _apply(self.data, record)
        del self.since[: self._begun]
        self._begun = 0

    def after_a_loss(self, chance: random.Random) -> bytes:
        """Return what may be there: the durable contents and any part of what came since."""
        data, share = bytearray(self.data), chance.choice([0.0, 0.5, 0.9, 1.0])
        for record in self.since:
            for piece in _pieces(record):
                if chance.random() < share:
                    _apply(data, _torn(piece, chance))
        return bytes(data)


def _pieces(record: Record) -> Iterator[Record]:
    """Cut a write at the borders of pages, which reach the disk in any order."""
    if record.kind != WRITE:
        yield record
        return
    at, end = record.offset, record.offset + len(record.data)
    while at < end:
        stop = min(end, (at // PIECE + 1) * PIECE)
        yield record._replace(
            offset=at, data=record.data[at - record.offset : stop - record.offset]
        )
        at = stop


def _torn(record: Record, chance: random.Random) -> Record:
    """Return a piece, or rarely its first sectors alone."""
    if record.kind != WRITE or len(record.data) < 1024 or chance.random() < 0.9:
        return record
    return record._replace(data=record.data[: 512 * chance.randrange(1, len(record.data) // 512)])


def _apply(data: bytearray, record: Record) -> None:
    if record.kind == WHOLE:
        data[:] = record.data
    elif record.kind == SIZE:
        del data[record.offset :]
        data.extend(bytes(record.offset - len(data)))
    else:
        data.extend(bytes(max(0, record.offset - len(data))))
        data[record.offset : record.offset + len(record.data)] = record.data


class Disk:
    """Files by inode and folders by path, below a root whose own entry is durable.

    Parameters
    ----------
    root : Path
    names : str, optional
        How the names in it begin that belong to the model. Syncs of the root are then not seen,
        and its own entries count as durable.
    """

    def __init__(self, root: Path, names: str = "") -> None:
        self._root = str(root)
        self._root_is_durable = bool(names)
        # Inodes are renumbered: a system gives the number of a file that is gone to another.
        self._numbers: dict[int, int] = {}
        self._given = 0
        self._files: dict[int, File] = {}
        self._names: dict[str, int] = {}  # durable entries: path -> inode
        self._folders: dict[int, str] = {self._number(root.stat().st_ino): self._root}
        self._since: dict[str, list[Record]] = {}  # by folder
        self._begun: dict[str, int] = {}
        for top in sorted(root.glob(f"{names}*")):
            for path in (top, *sorted(top.rglob("*"))):
                self._adopt(path)

    def _adopt(self, path: Path) -> None:
        inode = self._names[str(path)] = self._number(path.stat().st_ino)
        if path.is_dir():
            self._folders[inode] = str(path)
        else:
            self._files[inode] = File(path.read_bytes())

    def _number(self, inode: int, *, new: bool = False) -> int:
        if new or inode not in self._numbers:
            self._given += 1
            self._numbers[inode] = self._given
        return self._numbers[inode]

    def meet(self, record: Record) -> None:
        """Follow one operation."""
        new = record.kind in (CREATE, MKDIR)
        record = record._replace(inode=self._number(record.inode, new=new))
        if record.kind in (WRITE, SIZE, WHOLE):
            self._write(record)
        elif record.kind in (SYNC_BEGIN, SYNC_END):
            self._sync(record)
        elif record.kind != NOTE:
            self._rename(record)

    def _write(self, record: Record) -> None:
        file = self._files.setdefault(record.inode, File())
        if record.durable:
            _apply(file.data, record)
        else:
            file.since.append(record)

    def _sync(self, record: Record) -> None:
        folder = self._folders.get(record.inode)
        if folder is not None:
            since = self._since.setdefault(folder, [])
            if record.kind == SYNC_BEGIN:
                self._begun[folder] = len(since)
            else:
                for change in since[: self._begun.get(folder, 0)]:
                    _change(self._names, change)
                del since[: self._begun.pop(folder, 0)]
        elif record.inode in self._files:
            file = self._files[record.inode]
            (file.sync_begins if record.kind == SYNC_BEGIN else file.sync_ends)()

    def _rename(self, record: Record) -> None:
        if record.kind == CREATE:
            self._files[record.inode] = File()
        elif record.kind == MKDIR:
            self._folders[record.inode] = record.text
        elif record.kind == RENAME and record.inode in self._folders:
            self._move_folder(record)
        elif record.kind == RMDIR:
            self._since.pop(record.text, None)  # another folder may take its name
        for folder, change in _by_folder(record):
            if folder == self._root and self._root_is_durable:
                _change(self._names, change)
            else:
                self._since.setdefault(folder, []).append(change)

    def _move_folder(self, record: Record) -> None:
        """Rename a folder: what is in it goes with it."""
        old, new = record.text + "/", record.other + "/"
        self._folders[record.inode] = record.other
        for inode, path in list(self._folders.items()):
            if path.startswith(old):
                self._folders[inode] = new + path[len(old) :]
        for path in [p for p in self._names if p.startswith(old)]:
            self._names[new + path[len(old) :]] = self._names.pop(path)
        for path in [p for p in self._since if p == record.text or p.startswith(old)]:
            moved = new + path[len(old) :] if path != record.text else record.other
            self._since[moved] = [_moved(r, old, new) for r in self._since.pop(path)]

    def lose_power(self, target: Path, chance: random.Random) -> None:
        """Write to ``target`` a state that a loss of power may leave."""
        names, ordered = dict(self._names), chance.random() < 0.5
        for since in self._since.values():
            kept = since[: chance.randrange(len(since) + 1)]
            if not ordered:
                kept = [change for change in since if chance.random() < 0.5]
            for change in kept:
                _change(names, change)
        target.mkdir()
        for path in sorted(names):
            place = target / os.path.relpath(path, self._root)
            if not place.parent.is_dir():
                continue  # its folder was lost
            if names[path] in self._folders:
                place.mkdir()
            elif place.name == "lock.mdb":
                continue  # of no meaning after a restart
            else:
                place.write_bytes(self._files[names[path]].after_a_loss(chance))


def _by_folder(record: Record) -> Iterator[tuple[str, Record]]:
    """Give what an operation changes in each folder: a rename between two is two changes."""
    source, target = (str(Path(p).parent) for p in (record.text, record.other or record.text))
    if record.kind != RENAME or source == target:
        yield target, record
    else:
        yield source, record._replace(kind=UNLINK)
        yield target, record._replace(kind=LINK)


def _moved(record: Record, old: str, new: str) -> Record:
    def move(path: str) -> str:
        return new + path[len(old) :] if path.startswith(old) else path

    return record._replace(text=move(record.text), other=move(record.other))


def _change(names: dict[str, int], record: Record) -> None:
    """Apply a change of entries: each says where an inode is to be found, or no longer."""
    if record.kind in (CREATE, MKDIR):
        names[record.text] = record.inode
    elif record.kind in (UNLINK, RMDIR):
        names.pop(record.text, None)
    else:
        names[record.other] = record.inode
        if record.kind == RENAME:
            names.pop(record.text, None)
