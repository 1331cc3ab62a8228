"""The catalogue: what joins the store, the vectors and the text behind one facade.

:class:`Catalog` (``facade``) adds to ``reading`` what it says of itself (``inspecting``) and what
changes things (``writing``). ``index`` keeps the vector index in step with the store, ``sealing``
builds its files, ``background`` runs what nobody waits for, ``embedding`` knows which embedder is
in charge, and ``refit`` replaces one embedding space by another. ``verifying`` and ``repairing``
check and mend; ``popularity`` ranks titles; ``safekeeping`` adds backups and exports to the facade.
"""

from __future__ import annotations

from tv5core.catalog.backup import BackupReport
from tv5core.catalog.catalog import AddResult, Catalog, OptimizeReport, VerifyReport
from tv5core.catalog.exporting import ExportReport

__all__ = [
    "AddResult",
    "BackupReport",
    "Catalog",
    "ExportReport",
    "OptimizeReport",
    "VerifyReport",
]
