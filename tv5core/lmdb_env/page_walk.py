"""Walk the pages of LMDB's trees, from their roots downwards, and say what is wrong with them.

Checked are each page's number, kind, bounds and nodes; keys in order and within their parent's;
depth and the number of entries a tree's record has; lengths of values outside their nodes; that no
page is in two places; that free pages are free. Values are not: their checksums are the store's.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from operator import lt
from pathlib import Path
from typing import Any, NamedTuple, Self

from tv5core.lmdb_env.pages import (
    BIG_DATA,
    BRANCH,
    DUP_DATA,
    FIXED_LEAF,
    HEAD_BYTES,
    LEAF,
    NO_PAGE,
    OVERFLOW,
    SUB_DATA,
    SUB_PAGE,
    DamagedPageError,
    Meta,
    Nodes,
    Tree,
    expect,
    fixed_values,
    head_of,
    meta_of,
    nodes_of,
    overflow_pages,
    tree_of,
)

__all__ = ["PageFile", "PageWalk", "last_freed"]

_PROBE_BYTES = 256
_INTEGER_KEYS, _DUPLICATES, _FIXED_DUPLICATES = 0x08, 0x04, 0x14
_NO_FOLDER = 0x4000
_DIRTY = 0x10  # LMDB leaves it set in sub-pages


class PageFile:
    """Reads pages past LMDB.

    Attributes
    ----------
    page_bytes : int
        Known once :meth:`metas` has returned both.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.page_bytes = 4096

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._descriptor).st_size

    def probe(self) -> bytes:
        """Return what changes with every transaction: the beginning of both meta pages."""
        return self.read(0, _PROBE_BYTES) + self.read(self.page_bytes, _PROBE_BYTES)

    def read(self, at: int, length: int) -> bytes:
        """Return bytes of the file; fewer at its end."""
        return os.pread(self._descriptor, length, at)

    def page(self, number: int) -> bytes:
        """Return a whole page."""
        page = self.read(number * self.page_bytes, self.page_bytes)
        expect(len(page) == self.page_bytes, f"page {number}: expected it within the file")
        return page

    def metas(self) -> list[Meta]:
        """Return both meta pages; none where LMDB itself refuses one of them."""
        start = self.read(0, _PROBE_BYTES)
        if len(start) < _PROBE_BYTES or (first := meta_of(start)) is None:
            return []
        self.page_bytes = first.page_bytes
        second = self.read(self.page_bytes, _PROBE_BYTES)
        if len(second) < _PROBE_BYTES or (other := meta_of(second)) is None:
            return []
        expect(other.page_bytes == self.page_bytes, "expected meta pages of one size of pages")
        return [first, other]


class _Todo(NamedTuple):
    """A page to look at.

    Attributes
    ----------
    tree : _Counted
    number, level : int
        Level 1 is a leaf.
    low, high : bytes or None
        Bounds of its keys: from the first on, below the second.
    """

    tree: _Counted
    number: int
    level: int
    low: bytes | None
    high: bytes | None


class _Counted:
    """A tree, and what of it was seen."""

    def __init__(self, name: str, tree: Tree, *, fixed: bool = False) -> None:
        self.name, self.tree, self.fixed = name, tree, fixed
        self.entries = 0

    @property
    def integer_keys(self) -> bool:
        return bool(self.tree.flags & _INTEGER_KEYS)

    def check_count(self) -> None:
        """Compare the entries seen with those of the tree's record.

        Its counts of pages are not compared: LMDB itself does not keep them exact when a tree
        shrinks, and reads them for statistics alone.
        """
        want, got = self.tree.entries, self.entries
        expect(got == want, f"{self.name}: expected {want} entries, got {got}")


class PageWalk:
    """Walks the trees of one transaction, breadth first."""

    def __init__(
        self, file: PageFile, meta: Meta, flags: Mapping[bytes, int], budget: int | None
    ) -> None:
        self._file, self._meta, self._flags, self._budget = file, meta, flags, budget
        self._todo: deque[_Todo] = deque()
        self._trees: list[_Counted] = []
        self._seen = bytearray()
        self._free_lists: list[bytes] = []
        self._main: _Counted | None = None
        self._free: _Counted | None = None

    def problems(self) -> Iterator[str]:
        """Give what is wrong, in sentences; what is below a damaged page is skipped."""
        try:
            self._begin()
        except DamagedPageError as error:
            yield str(error)
            return
        found = False
        while self._todo and (self._budget is None or self._budget > 0):
            if self._budget is not None:
                self._budget -= 1
            item = self._todo.popleft()
            try:
                self._look(item)
            except DamagedPageError as error:
                found = True
                yield f"page {item.number} of {item.tree.name}: {error}"
        if not self._todo and not found:
            yield from self._totals()

    def _begin(self) -> None:
        meta, size = self._meta, self._file.size
        end = (meta.last_page + 1) * self._file.page_bytes
        expect(meta.last_page >= 1 and size >= end, f"expected {end} bytes, got {size}")
        self._seen = bytearray(meta.last_page + 1)
        self._seen[:2] = b"\1\1"
        # The free list's flags also keep what the file was made with, such as MDB_NOSUBDIR.
        expect(
            meta.free.flags & ~_NO_FOLDER == _INTEGER_KEYS,
            f"expected a free list, got {meta.free.flags:#x}",
        )
        expect(not meta.main.flags, f"expected a main database, got {meta.main.flags:#x}")
        self._free = self._add(_Counted("the free list", meta.free))
        self._main = self._add(_Counted("the main database", meta.main))

    def _add(self, counted: _Counted) -> _Counted:
        tree = counted.tree
        self._trees.append(counted)
        if tree.root == NO_PAGE:
            empty = not (tree.depth or tree.entries or tree.leaf_pages or tree.branch_pages)
            expect(empty, f"{counted.name}: expected an empty tree, got {tree.entries} entries")
        else:
            expect(1 <= tree.depth <= 32, f"{counted.name}: expected a depth, got {tree.depth}")
            self._todo.append(_Todo(counted, tree.root, tree.depth, None, None))
        return counted

    def _claim(self, number: int, count: int = 1) -> None:
        """Note that pages are in use, each once."""
        last = number + count - 1
        expect(2 <= number <= last <= self._meta.last_page, f"expected a page, got {number}")
        expect(not any(self._seen[number : last + 1]), f"page {number} is in two places")
        self._seen[number : last + 1] = b"\1" * count

    # -- one page -------------------------------------------------------------------------

    def _look(self, item: _Todo) -> None:
        self._claim(item.number)
        page = self._file.page(item.number)
        head = head_of(page)
        expect(head.number == item.number, f"expected its number, got {head.number}")
        fixed = item.tree.fixed and item.level == 1
        kind = BRANCH if item.level > 1 else LEAF | FIXED_LEAF if fixed else LEAF
        expect(head.flags == kind, f"expected a page of kind {kind}, got {head.flags}")
        if fixed:
            keys = fixed_values(page, head, item.tree.tree.pad, whole=True)
            item.tree.entries += len(keys)
            _check_order(item, keys, 0)
        elif item.level > 1:
            self._look_at_branch(item, nodes_of(page, head))
        else:
            self._look_at_leaf(item, page, nodes_of(page, head))

    def _look_at_branch(self, item: _Todo, nodes: Nodes) -> None:
        keys, children = nodes.keys, nodes.children
        expect(len(children) >= 2, f"expected two children or more, got {len(children)}")
        _check_order(item, keys, 1)  # the first key of a branch means nothing
        lows = [item.low, *keys[1:]]
        highs = [*keys[1:], item.high]
        for child, low, high in zip(children, lows, highs, strict=True):
            expect(2 <= child <= self._meta.last_page, f"expected a child's page, got {child}")
            self._todo.append(_Todo(item.tree, child, item.level - 1, low, high))

    def _look_at_leaf(self, item: _Todo, page: bytes, nodes: Nodes) -> None:
        _check_order(item, nodes.keys, 0)
        for key, flags, (start, length) in zip(nodes.keys, nodes.flags, nodes.data, strict=True):
            if flags & DUP_DATA:
                self._duplicates(item.tree, flags, page[start : start + length])
            elif flags & SUB_DATA:
                item.tree.entries += 1
                self._sub_database(item.tree, flags, key, page[start : start + length])
            else:
                known = item.tree is self._main and key in self._flags
                expect(not known, f"expected a sub-database {key!r}, got a value")
                item.tree.entries += 1
                self._value(item.tree, flags, page, start, length)

    def _value(self, counted: _Counted, flags: int, page: bytes, start: int, length: int) -> None:
        expect(flags in (0, BIG_DATA), f"expected a value, got a node of kind {flags}")
        data = page[start : start + length]
        if flags:
            data = self._outside(counted, int.from_bytes(page[start : start + 8], "little"), length)
        if counted is self._free:
            self._free_lists.append(data)

    def _outside(self, counted: _Counted, number: int, length: int) -> bytes:
        """Check the pages of a value outside its node; return the value of a free list."""
        expect(2 <= number <= self._meta.last_page, f"expected a page, got {number}")
        at = number * self._file.page_bytes
        head = head_of(self._file.read(at, HEAD_BYTES))
        count = head.lower | head.upper << 16
        least = overflow_pages(length, self._file.page_bytes)
        expect(
            (head.number, head.flags) == (number, OVERFLOW) and count >= least,
            # A shorter value may have taken the place of a longer one.
            f"expected {least} pages or more from {number}, got {count}",
        )
        self._claim(number, count)
        return self._file.read(at + HEAD_BYTES, length) if counted is self._free else b""

    def _sub_database(self, counted: _Counted, flags: int, key: bytes, record: bytes) -> None:
        expect(counted is self._main and flags == SUB_DATA, f"expected a value, got kind {flags}")
        tree = tree_of(record)
        known = self._flags.get(key)
        name = repr(key.decode("ascii", "replace"))
        expect(known in (None, tree.flags), f"expected flags of {name}, got {tree.flags:#x}")
        if tree.flags in (0, _DUPLICATES, _FIXED_DUPLICATES):  # else it is somebody else's
            self._add(_Counted(name, tree))

    def _duplicates(self, counted: _Counted, flags: int, data: bytes) -> None:
        """Check the values of one key: a page within the node, or a tree of their own."""
        expect(counted.tree.flags & _DUPLICATES, f"expected one value a key, got kind {flags}")
        fixed = counted.tree.flags & _FIXED_DUPLICATES == _FIXED_DUPLICATES
        if flags == DUP_DATA | SUB_DATA:
            tree = tree_of(data)
            counted.entries += tree.entries
            self._add(_Counted(f"{counted.name}'s values", tree, fixed=fixed))
            return
        expect(flags == DUP_DATA, f"expected a sub-page, got a node of kind {flags}")
        head = head_of(data)
        kind = LEAF | SUB_PAGE | (FIXED_LEAF if fixed else 0)
        expect(head.flags & ~_DIRTY == kind, f"expected a sub-page, got one of kind {head.flags}")
        values = fixed_values(data, head, head.pad, whole=False) if fixed else _values(data)
        expect(values and _ascend(values), "expected values in order")
        counted.entries += len(values)

    # -- all of them ----------------------------------------------------------------------

    def _totals(self) -> Iterator[str]:
        """Compare counts, and the free pages with those in use; all pages were looked at."""
        for counted in self._trees:
            try:
                counted.check_count()
            except DamagedPageError as error:
                yield str(error)
        for data in self._free_lists:
            try:
                self._look_at_free_list(data)
            except DamagedPageError as error:
                yield f"the free list: {error}"

    def _look_at_free_list(self, data: bytes) -> None:
        numbers = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
        count = numbers[0] if numbers else -1
        expect(0 <= count < len(numbers), f"expected page numbers, got {count}")
        listed = numbers[1 : count + 1]
        falling = all(a > b for a, b in pairwise(listed))
        expect(falling, "expected page numbers in order")
        for number in listed:
            self._claim(number)


def last_freed(file: PageFile, meta: Meta) -> int | None:
    """Return the newest transaction in a free list; None where it is empty.

    Raises
    ------
    DamagedPageError
    """
    number, nodes = meta.free.root, None
    for _ in range(meta.free.depth if number != NO_PAGE else 0):
        page = file.page(number)
        nodes = nodes_of(page, head_of(page))
        number = nodes.children[-1] if nodes.children else NO_PAGE
    return int.from_bytes(nodes.keys[-1], "little") if nodes and nodes.keys else None


def _values(data: bytes) -> list[bytes]:
    """Return the values of a sub-page that are of several lengths."""
    return nodes_of(data, head_of(data)).keys


def _check_order(item: _Todo, keys: list[bytes], first: int) -> None:
    """Check that keys ascend from ``first`` on, within the page's bounds."""
    some = keys[first:]
    expect(keys, "expected keys, got none")
    if item.tree.integer_keys:
        numbers = [int.from_bytes(key, "little") for key in some]
        expect(all(len(key) == 8 for key in some), "expected keys of 8 bytes")
        expect(_ascend(numbers), _DISORDER)
        return
    if not _ascend(some):
        raise DamagedPageError(_disorder_of(some))
    bounds = [key for key in (item.low, *some) if key is not None]
    expect(not some or bounds[0] <= some[0], _DISORDER)
    expect(item.high is None or not some or some[-1] < item.high, _DISORDER)


def _ascend(some: Sequence[Any]) -> bool:
    return all(map(lt, some, islice(some, 1, None)))


def _disorder_of(keys: list[bytes]) -> str:
    """Say which key is there twice, as a number where it may be one."""
    for key, after in pairwise(keys):
        if key == after:
            shown = str(int.from_bytes(key)) if len(key) == 8 else repr(key[:64])
            return f"expected each key once, got {shown} twice"
    return _DISORDER


_DISORDER = "expected keys in order and within their parent's, got others"
