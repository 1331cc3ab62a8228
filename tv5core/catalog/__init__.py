"""The catalogue: what joins the store, the vectors and the text behind one facade.

:class:`Catalog` (``facade``) adds to ``reading`` what it says of itself (``inspecting``) and what
changes things (``writing``). ``index`` keeps the vector index in step with the store, ``sealing``
builds its files, ``background`` runs what nobody waits for, ``embedding`` knows which embedder is
in charge, and ``refit`` replaces one embedding space by another.
"""

from __future__ import annotations

from tv5core.catalog.facade import AddResult, Catalog, OptimizeReport, VerifyReport

__all__ = ["AddResult", "Catalog", "OptimizeReport", "VerifyReport"]
