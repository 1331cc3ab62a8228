"""``tv5 doctor``: what this machine has, and what is wrong."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tv5core.cli.diagnosis.catalogue import look_at_catalogue
from tv5core.cli.diagnosis.disk import look_at_disk
from tv5core.cli.diagnosis.findings import Examination, Finding, find
from tv5core.cli.diagnosis.machine import Limits, Memory, look_at_kernels, look_at_machine
from tv5core.cli.diagnosis.packages import look_at_packages
from tv5core.cli.output import DEFAULT_CATALOG, AsJson, print_json, readable, results, size

__all__ = ["COMMANDS", "examine"]


def doctor(
    catalog: Annotated[
        Path | None,
        typer.Argument(
            envvar="TV5_CATALOG", help="A catalogue's folder, or where one will be; tv5-catalog."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what tv5core finds on this machine, what is wrong, and what to do about it.

    It opens the catalogue as a reader, and tries the disk with a temporary file of 4 KiB. Exit
    code 1 where something is wrong.
    """
    facts = examine(catalog)
    found = find(facts)
    if as_json:
        print_json({**asdict(facts), "findings": [asdict(finding) for finding in found]})
    else:
        _print(facts, found)
    if any(finding.is_wrong for finding in found):
        raise typer.Exit(1)


def examine(catalog: Path | None) -> Examination:
    """Collect all facts; a folder that is named should hold a catalogue once it exists."""
    folder = catalog or DEFAULT_CATALOG
    return Examination(
        look_at_packages(),
        look_at_kernels(),
        look_at_machine(),
        look_at_disk(folder),
        look_at_catalogue(folder) if folder.is_dir() else None,
    )


def _print(facts: Examination, found: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _described(facts).items():
        table.add_row(Text(name), Text(readable(value)))
    results().print(table)
    for finding in found:
        color = "red" if finding.is_wrong else "yellow"
        mark = "wrong" if finding.is_wrong else "note"
        line = Text.assemble((mark, color), f": {readable(finding.what)}\n  -> {finding.advice}")
        results().print(line)
    if not any(finding.is_wrong for finding in found):
        results().print(Text("nothing is wrong"))


def _described(facts: Examination) -> dict[str, str]:
    machine, kernels, packages = facts.machine, facts.kernels, facts.packages
    quota = "" if machine.core_quota is None else f", {machine.core_quota:g} of them in this group"
    return {
        "tv5core": f"{packages.tv5core or 'not installed'}, Python {packages.python}",
        "system": f"{machine.system}, {machine.architecture}",
        "kernels": f"{kernels.active} of {', '.join(kernels.available)}",
        "processor": f"{kernels.processor or 'unknown'}, {machine.cores} cores{quota}",
        "memory": _memory(machine.memory),
        "limits": _limits(machine.limits),
        "disk": _disk(facts),
        "catalogue": _catalogue(facts),
        "packages": _versions(packages.core),
        **{f"[{extra}]": _versions(needs) for extra, needs in packages.extras.items()},
    }


def _memory(memory: Memory) -> str:
    group = (
        "" if memory.group_limit is None else f", the group's limit is {size(memory.group_limit)}"
    )
    return (
        f"{_size(memory.available)} of {_size(memory.total)} available{group}, "
        f"swap {_size(memory.swap)}, huge pages {memory.huge_pages or 'unknown'}"
    )


def _limits(limits: Limits) -> str:
    return (
        f"{_count(limits.open_files)} open files (up to {_count(limits.open_files_hard)}), "
        f"{_count(limits.mappings_used)} of {_count(limits.mappings)} mappings, "
        f"locked memory {_bound(limits.locked_bytes)}, "
        f"address space {_bound(limits.address_space_bytes)}, files {_bound(limits.file_bytes)}"
    )


def _disk(facts: Examination) -> str:
    disk = facts.disk
    works = {
        "written": disk.can_write,
        "mapped": disk.can_map,
        "locked": disk.can_lock,
        "copied by reference": disk.shares_blocks,
    }
    sync = "" if disk.sync_s is None else f", a synced write takes {disk.sync_s * 1e3:.1f} ms"
    return (
        f"{disk.folder}: {disk.kind or 'unknown'} on {disk.mount or 'unknown'}, "
        f"{size(disk.free_bytes)} of {size(disk.total_bytes)} free; files can be "
        f"{', '.join(name for name, can in works.items() if can) or 'read'}{sync}"
    )


def _catalogue(facts: Examination) -> str:
    catalogue = facts.catalogue
    if catalogue is None:
        return "none yet"
    if catalogue.failure:
        return f"{catalogue.path}: fails"
    return f"{catalogue.path}: {catalogue.titles:,} titles, {size(catalogue.bytes_on_disk)}"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())


def _size(count: int | None) -> str:
    return "unknown" if count is None else size(count)


def _count(count: int | None) -> str:
    return "any number" if count is None else f"{count:,}"


def _bound(count: int | None) -> str:
    return "unlimited" if count is None else size(count)


COMMANDS = (doctor,)
