"""Runs turned into Markdown.

- ``curves``: Pareto front, speed at a recall, ratios.
- ``figures``: one figure a peer, each with its recall.
- ``verdicts``: where tv5core loses, and which targets it meets.
- ``speeds``, ``holding``: tables of speed; tables of building, memory and opening.
- ``tables``: a run's whole section; ``page``: the report's file; ``plots``: its pictures.
- ``readme``: the tables between markers in ``README.md`` and ``benchmarks/README.md``.
- ``pictures``: charts that the documentation shows.
- ``text``: figures as people read them.
"""
