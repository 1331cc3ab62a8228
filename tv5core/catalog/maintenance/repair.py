"""Rebuild what a check found wrong, from what is sound.

Titles and vectors are the truth, so they are never touched where they are sound; everything else
is made from them. What cannot be made again is reported, and left where it is unless the user
names a quarantine.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.maintenance.verification import check
from tv5core.catalog.spaces.second_space import SecondSpace
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.errors import FittingError
from tv5core.files.failpoints import failpoint
from tv5core.store import Store, VerifyReport, embeddings, reconciliation, upgrading
from tv5core.store import repair as store_repair
from tv5core.store.report import Findings
from tv5core.store.verification import check_settings
from tv5core.types import Progress

__all__ = ["check_and_repair"]


def check_and_repair(
    store: Store,
    manager: IndexManager,
    text: TextEmbedding,
    second: SecondSpace,
    progress: Progress | None,
    quarantine: Path | None,
) -> VerifyReport:
    """Check, repair what can be repaired, and check again; see ``Catalog.verify``."""
    found = check(store, manager, progress, text, second)
    work = _Repair(store, manager, text, second, manager.cancellable(progress))
    if not found.parts and not manager.recovered:
        return found.report()
    work.run(found, quarantine)
    return check(store, manager, progress, text, second).report([*manager.recovered, *work.done])


class _Repair:
    def __init__(
        self,
        store: Store,
        manager: IndexManager,
        text: TextEmbedding,
        second: SecondSpace,
        report: Progress,
    ) -> None:
        self._store, self._manager, self._text, self._report = store, manager, text, report
        self._second = second
        self.done: list[str] = []

    def run(self, found: Findings, quarantine: Path | None) -> None:
        parts = found.parts
        if "title" in parts and quarantine is not None:
            self._quarantine(quarantine)
        if parts & {"derived", "stray", "title"}:
            self._derived()
            failpoint("repair: derived repaired")
        self._values(parts, quarantine)
        if "spaces" in parts:
            self._spaces()
        if "journal" in parts:
            store_repair.restart_journal(self._store)
            self.done.append("restarted the journal")
        if "learnt" in parts:
            self._store.change_meta(learnt=None)
            self.done.append("forgot what was learnt from interactions, which cannot be used")
        if parts & {"model", "text"}:
            self._refit()
        lost = bool(self._manager.recovered) and not self._manager.served.generation
        if parts & {"file", "index", "documents", "journal"} or lost:
            self._manager.rebuild(self._report)
            failpoint("repair: index built")
            self.done.append("rebuilt the index from the stored vectors")
        if parts & {"second", "journal"} or self._second.index.damaged:
            self._repair_second()

    def _repair_second(self) -> None:
        """Build its index again; what of its vectors cannot be used is embedded again."""
        removed = store_repair.remove_second_vectors(self._store)
        if removed:
            self.done.append(f"removed {_many(removed, 'vector')} of the second space")
        self._second.embed_pending(self._report)
        if self._second.seal(self._report, anew=True):
            self.done.append("rebuilt the index of the second space from the stored vectors")

    def _values(self, parts: set[str], quarantine: Path | None) -> None:
        if "pending" in parts:
            self._pending()
        if "setting" in parts:
            self._settings()
        if parts & {"vector", "orphan"}:
            self._vectors(quarantine)
            failpoint("repair: vectors repaired")
        if "unchecked" in parts:
            self._checksums()

    def _refit(self) -> None:
        with suppress(FittingError):  # the check that follows says why
            self._text.refit(self._report)
            self.done.append("refitted the embedder and embedded all titles with it")

    def _quarantine(self, path: Path) -> None:
        count = store_repair.quarantine(self._store, path)
        self._manager.refresh()
        self.done.append(f"moved {_many(count, 'title')} that cannot be decoded to {path}")

    def _derived(self) -> None:
        for member in self._store.environment.members:
            removed, restored = reconciliation.reconcile(
                self._store.environment, member, self._report
            )
            if removed or restored:
                self.done.append(f"{member.name}: entries removed: {removed}, restored: {restored}")

    def _pending(self) -> None:
        count = store_repair.remove_pending(self._store)
        store_repair.mark_without_vectors(self._store)
        self.done.append(f"removed {_many(count, 'pending mark')} without a title")

    def _settings(self) -> None:
        damaged = check_settings(self._store.environment, Findings())
        store_repair.remove_settings(self._store, damaged)
        self.done.append(
            f"removed {_many(len(damaged), 'checkpoint or section')} that cannot be used"
        )

    def _checksums(self) -> None:
        self._store.change_meta(checked=False)
        done = upgrading.add_checksums(self._store, self._report)
        self.done.append(f"added {_many(done.values, 'checksum')}")

    def _vectors(self, quarantine: Path | None) -> None:
        unsound = store_repair.unsound_vectors(self._store)
        if quarantine is not None and unsound.broken and not self._text.can_embed():
            store_repair.quarantine_vectors(self._store, unsound.broken, quarantine)
            self.done.append(f"wrote {_many(len(unsound.broken), 'vector')} to {quarantine}")
        store_repair.remove_vectors(self._store, unsound.orphans, pending=False)
        store_repair.remove_vectors(self._store, unsound.broken, pending=True)
        if unsound.orphans:  # a flipped bit of a key may have taken one from its title
            store_repair.mark_without_vectors(self._store)
        self._manager.refresh()
        if unsound.orphans and self._text.can_embed():
            self._text.embed_pending(self._report)
        if unsound.orphans:
            self.done.append(f"removed {_many(len(unsound.orphans), 'vector')} without a title")
        if unsound.broken:
            made = self._text.embed_pending(self._report)
            self.done.append(
                f"removed {_many(len(unsound.broken), 'vector')} that cannot be used, embedded "
                f"{_many(made, 'title')} again"
            )

    def _spaces(self) -> None:
        with self._store.maintain():
            count = embeddings.drop_spaces(self._store.environment, self._store.meta.spaces)
        self.done.append(f"removed {_many(count, 'vector')} of other embedding spaces")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
