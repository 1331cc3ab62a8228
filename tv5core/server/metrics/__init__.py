"""What the gateway measures.

===============  ==============================================================
``service``      :class:`Metrics`: of one process, and of all together
``instruments``  every metric, by Prometheus' conventions
``batch``        requests, summed for a second
``observer``     from the library's dotted names to metrics
``gauges``       what is set once a second
``machine``      processors, memory and disks, from /proc
``recall``       recall@10 on a sample of real queries
``exposition``   the text of ``/metrics``, with exemplars
``statsd``       the same over UDP
``totals``       values of all processes at one moment
``history``      the last minutes, from which figures are made
``figures``      :class:`Figures`: what ``/live`` shows
``events``       what an operator should know
===============  ==============================================================
"""

from __future__ import annotations

from tv5core.server.metrics.figures import Figures
from tv5core.server.metrics.service import Metrics

__all__ = ["Figures", "Metrics"]
