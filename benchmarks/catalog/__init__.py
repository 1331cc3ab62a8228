"""The catalogue as a whole.

- ``search``: ``Catalog.search`` from a ready vector to decoded titles.
- ``churn``: titles replaced and deleted again and again.
"""
