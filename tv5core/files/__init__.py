"""Checksummed, memory-mapped files of named arrays.

Everything tv5core keeps on disk outside LMDB has this one container, so that there
is one place where truncation, flipped bits and hostile headers are dealt with::

    0             preamble, 64 bytes: magic, kind, version, where the header is and
                  its CRC-32, then the CRC-32 of the 60 bytes before
    64            body: sections, each a raw little-endian array in C order that
                  starts on a multiple of 64 bytes; gaps are zeros
    header        msgpack: the caller's ``meta``, the table of sections (name, offset,
                  dtype, shape), and a CRC-32 for every MiB of the body

The header comes last because a streamed body is not known before it is written;
the preamble is patched in after it, so a file cut short by a crash has no magic.
Every byte is under exactly one of the three kinds of checksum, gaps included.

A mapped file must not be truncated in place while it is open: the kernel answers
reads of lost pages with SIGBUS. tv5core itself only ever replaces files by rename.

Modules, in reading order:

``layout``
    The layout that writer and reader share, and :class:`SealedFile`, which identifies a file.
``writer``, ``reader``
    Write sections; validate and map them.
``durability``
    Renames and small files that survive a crash; the system's errors as errors of tv5core.
``locking``
    One writer at a time in a folder.
``failpoints``
    Named places where tests stop, fail or kill the process.
"""

from __future__ import annotations

from tv5core.files.durability import (
    FAILURE_CODES,
    FULL_CODES,
    disk_errors,
    fill_durably,
    fsync_folder,
    make_folder_durably,
    replace_durably,
    write_durably,
)
from tv5core.files.layout import SealedFile
from tv5core.files.reader import SectionFile
from tv5core.files.writer import SectionStream, write_sections

__all__ = [
    "FAILURE_CODES",
    "FULL_CODES",
    "SealedFile",
    "SectionFile",
    "SectionStream",
    "disk_errors",
    "fill_durably",
    "fsync_folder",
    "make_folder_durably",
    "replace_durably",
    "write_durably",
    "write_sections",
]
