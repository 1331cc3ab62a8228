"""Queries: parsed, planned for each segment, executed, ranked. Empty until filters are built.

Will join ``lexical``, ``columns``, ``embedding`` and ``vectors``. It never imports ``catalog``,
which calls it.
"""
