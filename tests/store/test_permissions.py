"""Reading as a user who may not write: without LMDB's lock where nobody writes, or with advice."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.types import Title

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")

NOBODY = 65534
CODE = """
import os, sys, tempfile
from tv5core import Catalog, Title
import tv5core.vectors, tv5core.cached
with tempfile.TemporaryDirectory() as there:  # loads all that is needed, while it may be read
    with Catalog.open(there + "/c") as catalog:
        catalog.add([Title("a:1", "movie", "One")], [[1.0] * 8])
        catalog.seal()
    with Catalog.open(there + "/c", read_only=True) as catalog:
        catalog.search([1.0] * 8), catalog.verify()
os.setgid({nobody}); os.setuid({nobody})
try:
    with Catalog.open(sys.argv[1], read_only=True) as catalog:
        print([hit.id for hit in catalog.search([1.0] * 8)], catalog.verify().ok, flush=True)
        sys.stdin.read()
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not in pytest's folder, which it keeps to its user.
    with tempfile.TemporaryDirectory(prefix="tv5-permissions-") as parent:
        Path(parent).chmod(0o755)
        here = Path(parent) / "films"
        with Catalog.open(here) as catalog:
            catalog.add([Title("a:1", "movie", "One")], [[1.0] * 8])
            catalog.seal()
        yield here


def protect(folder: Path) -> None:
    for path in (folder, *folder.iterdir()):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def start(folder: Path) -> subprocess.Popen[str]:
    code = CODE.format(nobody=NOBODY)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def read(folder: Path) -> str:
    with start(folder) as child:
        return child.communicate("", timeout=60)[0].strip()


def test_without_permission_it_says_what_to_do_and_that_works(folder: Path) -> None:
    said = read(folder)
    assert said.startswith("CatalogError")
    assert f"let this user write that file alone (chmod o+w {folder}/lock.mdb)" in said
    assert f"chmod a-w {folder} {folder}/*" in said
    (folder / "lock.mdb").chmod(0o666)
    with Catalog.open(folder):  # beside a writer, for it registers
        assert read(folder) == "['a:1'] True"


@pytest.mark.parametrize("lock_file", [True, False])
def test_what_nobody_may_write_is_read_without_a_lock(folder: Path, lock_file: bool) -> None:
    if not lock_file:
        (folder / "lock.mdb").unlink()
        assert "touch" in read(folder)
    protect(folder)
    assert read(folder) == "['a:1'] True"


def test_not_beside_a_writer_who_may_all_the_same(folder: Path) -> None:
    protect(folder)
    with Catalog.open(folder):
        said = read(folder)
    assert said.startswith("CatalogLockedError")
    assert f"got a writer at work: process {os.getpid()}" in said


def test_a_writer_is_kept_out_meanwhile_and_told_by_whom(folder: Path) -> None:
    protect(folder)
    with start(folder) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "['a:1'] True\n"
        with pytest.raises(errors.CatalogLockedError, match="readers that may not register"):
            Catalog.open(folder)
        with Catalog.open(folder, read_only=True) as reader:
            assert len(reader) == 1
        child.communicate("", timeout=60)
    with Catalog.open(folder) as catalog:
        assert len(catalog) == 1


def test_a_store_that_may_not_be_read(folder: Path) -> None:
    protect(folder)
    (folder / "data.mdb").chmod(0o400)
    said = read(folder)
    assert said == f"CatalogError {folder}/data.mdb: expected to read it, got no permission"
