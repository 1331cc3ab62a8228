"""A catalogue in memory, and small files to import."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tv5core.importers import ImportReport
from tv5core.store.aliases import aliases
from tv5core.types import Title


class MemoryCatalog:
    """What importing needs of a catalogue; ``fail_at`` breaks it off at the nth add."""

    def __init__(self) -> None:
        self.titles: dict[str, Title] = {}
        self.by_alias: dict[str, list[str]] = {}
        self.checkpoints: dict[str, bytes] = {}
        self.adds: list[int] = []
        self.sealed = 0
        self.fail_at = -1
        self.extra_fields: dict[str, str] = {}

    def find(self, alias: str) -> tuple[str, ...]:
        return tuple(self.by_alias.get(alias, ()))

    def get_many(self, ids: Sequence[str]) -> list[Title | None]:
        return [self.titles.get(key) for key in ids]

    def add(
        self,
        titles: Sequence[Title],
        /,
        *,
        embed: bool = True,
        checkpoint: tuple[str, bytes] | None = None,
    ) -> None:
        assert not embed
        assert len(titles) == len({title.id for title in titles})
        if len(self.adds) == self.fail_at:
            raise KeyboardInterrupt
        for title in titles:
            assert 0 < len(title.id.encode()) <= 256
            if (old := self.titles.get(title.id)) is not None:
                for alias in aliases(old):
                    self.by_alias[alias].remove(title.id)
            self.titles[title.id] = title
            for alias in aliases(title):
                self.by_alias.setdefault(alias, []).append(title.id)
        if checkpoint:
            self.checkpoints[checkpoint[0]] = checkpoint[1]
        self.adds.append(len(titles))

    def checkpoint(self, key: str) -> bytes | None:
        return self.checkpoints.get(key)

    def clear_checkpoints(self, prefix: str) -> None:
        self.checkpoints = {k: v for k, v in self.checkpoints.items() if not k.startswith(prefix)}

    def embed_pending(self, progress: object = None, /) -> int:
        return 0

    def seal(self, progress: object = None, /) -> None:
        self.sealed += 1

    def named(self, name: str) -> list[Title]:
        return [title for title in self.titles.values() if title.title == name]


@pytest.fixture
def catalog() -> MemoryCatalog:
    return MemoryCatalog()


@pytest.fixture
def new_catalog() -> type[MemoryCatalog]:
    return MemoryCatalog


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write a CSV file of dictionaries; the first one's keys are the header."""

    def write(name: str, *rows: dict[str, Any], header: str = "") -> Path:
        path = tmp_path / name
        columns = header.split(",") if header else list(rows[0])
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, restval="")
            table.writeheader()
            table.writerows(rows)
        return path

    return write


@pytest.fixture
def write_json(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, value: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[..., Path]:
    """Write one JSON value, or one text as it is, on each line."""

    def write(name: str, *values: Any) -> Path:
        path = tmp_path / name
        lines = (v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def adds_up() -> Callable[[ImportReport], None]:
    """Check that every row is counted exactly once."""

    def check(report: ImportReport) -> None:
        for file in report.files:
            outcomes = file.new + file.merged + file.changed + file.unchanged + file.auxiliary
            assert file.rows == outcomes + file.rejected.total(), file

    return check
