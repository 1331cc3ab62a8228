"""The searches that are compared, one module a library.

- ``base``: what a search is to the harness.
- ``tv5core_search``: ``Catalog.search`` in its modes.
- ``sqlite_fts5``: SQLite's full-text index, plain and as strong as forty lines make it.
- ``tantivy_search``, ``bm25s_search``, ``lance_search``: other libraries.
- ``registry``: all of them by name.
"""
