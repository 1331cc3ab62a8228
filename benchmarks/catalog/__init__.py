"""The catalogue as a whole.

- ``search``: ``Catalog.search`` from a ready vector to decoded titles.
- ``requirements``: what is required of a million titles.
- ``scale``: bytes on disk and in memory, and queries a second a component.
- ``million``: a large catalogue: sealing, upkeep, searches.
- ``churn``: titles replaced and deleted again and again.
"""
