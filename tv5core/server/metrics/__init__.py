"""What the gateway measures.

===========  ================================================================
``figures``  :class:`Figures`: what ``/live`` shows
===========  ================================================================
"""

from __future__ import annotations

from tv5core.server.metrics.figures import Figures

__all__ = ["Figures"]
