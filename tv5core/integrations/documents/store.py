"""DocumentStore: opening, adding, removing and closing; reading is in ``reader``."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from tv5core.arguments import as_list, as_texts, check_flag, check_path, check_type, shown
from tv5core.catalog import Catalog
from tv5core.errors import (
    ClosedError,
    DimensionError,
    DuplicateKeyError,
    InvalidInputError,
    ReadOnlyError,
)
from tv5core.extra_fields import check_declaration
from tv5core.integrations.documents import catalogs, queries
from tv5core.integrations.documents.conditions import Condition
from tv5core.integrations.documents.document import PAYLOAD, Document, as_title
from tv5core.integrations.documents.reader import DocumentReader
from tv5core.integrations.documents.state import read_state, write_state
from tv5core.types import ExtraType
from tv5core.vectors.metric import Metric

__all__ = ["DocumentStore", "IfExists"]

IfExists = Literal["replace", "skip", "fail"]

_BLOCK = 1_000


class DocumentStore(DocumentReader):
    """Documents in a folder; see the package's docstring.

    All methods may be called from any number of threads.

    Parameters
    ----------
    path : path-like, optional
        The folder; made where it is missing. None for a temporary one, which is removed when the
        store is closed.
    fields : mapping of str to str, optional
        Types of the metadata that conditions use often, as of ``Catalog.open(extra_fields=...)``:
        ``keyword``, ``keywords``, ``int``, ``float``, ``bool`` or ``date``. Conditions on other
        fields are as right, and read the documents. Fields declared later are put into the columns
        of the documents there are.
    metric : {"cosine", "ip"}, optional
        Of a new folder; cosine by default.
    read_only : bool
        Open beside a writer in this or another process, whose changes are seen.

    Raises
    ------
    InvalidInputError
        A field's name or type; or the folder has another metric.
    NotACatalogError, CatalogLockedError
        As ``Catalog.open``.
    CatalogError
        The folder has a catalogue of titles.
    FormatVersionError
        Of a newer tv5core.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        fields: Mapping[str, ExtraType] | None = None,
        metric: Literal["cosine", "ip"] | None = None,
        read_only: bool = False,
    ) -> None:
        declared = _declared(fields)
        if metric is not None:
            Metric.named(metric)
        read_only = check_flag("read_only", read_only)
        self.temporary = path is None
        folder = Path(tempfile.mkdtemp(prefix="tv5-")) if path is None else check_path(path)
        try:
            own = {**declared, PAYLOAD: "text"}
            self._shared = catalogs.acquire(folder, own, metric, read_only=read_only)
        except BaseException:
            if self.temporary:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        self.path = folder
        self._read_only = read_only
        self._closing = weakref.finalize(self, _close, self._shared, folder, self.temporary)
        try:
            self._check_kind(metric)
            if not read_only:
                self._declare(declared)
        except BaseException:
            self.close()
            raise

    # -- what is recorded ---------------------------------------------------------------------

    @property
    def catalog(self) -> Catalog:
        """The catalogue the documents are in, to verify, back up or seal.

        Raises
        ------
        ClosedError
        """
        if not self._closing.alive:
            raise ClosedError("expected an open store of documents, got one after close()")
        return self._shared.catalog

    def _check_kind(self, metric: str | None) -> None:
        read_state(self.catalog)
        if metric is not None and metric != self.metric:
            raise InvalidInputError(
                f"{self.path}: expected metric {self.metric!r} as before, got {metric!r}"
            )

    def _declare(self, declared: Mapping[str, str]) -> None:
        """Put fields that are new into the columns of the documents there are."""
        with self._shared.changing:
            state = read_state(self.catalog)
            fields = {**(state.fields if state else {}), **declared}
            if state is None or fields != state.fields:
                ids = list(self.catalog.ids())
                for start in range(0, len(ids), _BLOCK):
                    some = self.get(ids[start : start + _BLOCK], vectors=True)
                    self._put([one for one in some if one is not None], fields)
                write_state(self.catalog, msgspec.structs.replace(self._state(), fields=fields))

    # -- changing -----------------------------------------------------------------------------

    def add(self, documents: Iterable[Document], *, if_exists: IfExists = "replace") -> list[str]:
        """Store documents; they are on disk and found when it returns.

        Up to 1,000 documents (8 MB) are one transaction; more are several, each whole.

        Parameters
        ----------
        documents : iterable of Document
            Of one id, the last counts; with ``skip``, the first.
        if_exists : {"replace", "skip", "fail"}
            What becomes of a document whose id is there.

        Returns
        -------
        list of str
            The ids that were written.

        Raises
        ------
        DuplicateKeyError
            ``fail``, and an id is there or twice among these; nothing was stored.
        InvalidInputError, DimensionError, NonFiniteVectorError, ZeroVectorError
            Nothing was stored.
        ReadOnlyError, DiskFullError, DiskFailureError
        """
        self._check_writable()
        if if_exists not in ("replace", "skip", "fail"):
            raise InvalidInputError(
                f"expected if_exists to be replace, skip or fail, got {shown(if_exists)}"
            )
        given = as_list("documents", documents)
        for one in given:
            check_type("a document", one, Document)
        with self._shared.changing:
            chosen = self._chosen(given, if_exists)
            self._put(chosen, self._state().fields)
        return [one.id for one in chosen]

    def _chosen(self, given: list[Document], if_exists: IfExists) -> list[Document]:
        if if_exists == "replace":
            return list({one.id: one for one in given}.values())
        chosen: dict[str, Document] = {}
        for one in given:
            if one.id not in chosen and one.id not in self.catalog:
                chosen[one.id] = one
            elif if_exists == "fail":
                raise DuplicateKeyError(f"expected new ids, got {one.id!r}, which is there")
        return list(chosen.values())

    def _put(self, documents: list[Document], fields: Mapping[str, str]) -> None:
        if not documents:
            return
        titles = [as_title(one, fields) for one in documents]
        vectors = [None if v.vector is None else queries.as_row(v.vector) for v in documents]
        widths = {len(row) for row in vectors if row is not None}
        if widths:
            self._check_width(widths)
        self.catalog.add(
            titles, vectors=[None if v is None else queries.padded(v) for v in vectors]
        )

    def _check_width(self, widths: set[int]) -> None:
        dim = self.dim
        if len(widths) > 1 or (dim and widths != {dim}):
            raise DimensionError(
                f"expected vectors of {dim or 'one number of'} dimensions, got {sorted(widths)}"
            )
        if not dim:
            # Before the vectors: short ones are stored wider than they are.
            write_state(self.catalog, msgspec.structs.replace(self._state(), dim=widths.pop()))

    def delete(
        self, ids: Iterable[str] | None = None, *, condition: Condition | None = None
    ) -> int:
        """Remove documents by id, by condition or by both; return how many there were.

        Raises
        ------
        InvalidInputError
            Neither is given.
        """
        self._check_writable()
        if ids is None and condition is None:
            raise InvalidInputError("expected ids or a condition of what to delete, got neither")
        with self._shared.changing:
            names = None if ids is None else as_texts("ids", ids)
            if condition is not None:
                names = [one.id for one in self._selection(condition, names)]
            return self.catalog.delete(names or [])

    def clear(self) -> int:
        """Remove all documents; return how many there were."""
        self._check_writable()
        with self._shared.changing:
            return self.catalog.delete(list(self.catalog.ids()))

    def update(self, condition: Condition, metadata: Mapping[str, Any]) -> int:
        """Set values in the metadata of the documents a condition holds for; return how many."""
        self._check_writable()
        check_type("metadata", metadata, Mapping)
        with self._shared.changing:
            ids = [one.id for one in self._selection(condition)]
            for start in range(0, len(ids), _BLOCK):
                some = self.get(ids[start : start + _BLOCK], vectors=True)
                self._put([_updated(one, metadata) for one in some if one], self._state().fields)
            return len(ids)

    # -- the folder ---------------------------------------------------------------------------

    def save(self, dest: str | os.PathLike[str]) -> None:
        """Copy the documents as they are at one moment to a folder, which replaces one there.

        Raises
        ------
        NotACatalogError
            There is something else.
        DiskFullError, DiskFailureError
        """
        target = check_path(dest)
        if target == self.path:
            raise InvalidInputError(f"expected another folder to save to, got {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not any(target.iterdir()):
            target.rmdir()
        elif target.exists():
            DocumentStore(target, read_only=True).close()  # only documents are replaced
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
            self.catalog.backup(Path(beside) / "new")
            if target.exists():
                target.rename(Path(beside) / "old")
            (Path(beside) / "new").rename(target)

    def close(self) -> None:
        """Close the store; of those of one folder in a process, the last closes the folder."""
        self._closing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_writable(self) -> None:
        _ = self.catalog  # is open
        if self._read_only:
            raise ReadOnlyError("expected a writable store, got one opened with read_only=True")


def _close(shared: catalogs.Shared, folder: Path, temporary: bool) -> None:
    catalogs.release(shared)
    if temporary:
        shutil.rmtree(folder, ignore_errors=True)


def _declared(fields: Mapping[str, ExtraType] | None) -> dict[str, ExtraType]:
    declared = check_declaration({} if fields is None else fields)
    if PAYLOAD in declared or "text" in declared.values():
        raise InvalidInputError(
            f"expected fields to filter by, none named {PAYLOAD} and none of type text: all "
            f"metadata is kept; got {shown(dict(declared))}"
        )
    return declared


def _updated(document: Document, metadata: Mapping[str, Any]) -> Document:
    return Document(
        document.id,
        document.text,
        {**document.metadata, **metadata},
        document.data,
        document.vector,
    )
