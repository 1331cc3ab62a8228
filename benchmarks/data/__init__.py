"""Vectors to measure with and what is known about them.

- ``generator``: embeddings like those of titles, in blocks, at any size.
- ``from_file``: vectors of your own, checked, with queries held out of them; ``rows`` opens files.
- ``datasets``: a folder that holds rows and queries of either kind, prepared once and mapped.
- ``truth``: exact neighbours, and how hard queries are.
- ``filters``: masks of the rows that a filtered search may return; ``correlated``: such that have
  to do with the query.
- ``titles``: made-up titles with about 5 KB of metadata.
- ``whole_titles``, ``made_words``, ``distributions``: titles distributed as real ones.
- ``title_statistics``: how titles are distributed.
- ``options``: the command-line options that choose all this.
"""
