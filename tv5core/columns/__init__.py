"""Columns of a segment's values: years, genres, people, offers. Empty until filters are built.

Will hold typed columns, and the bitmaps and counts that filters and facets make of them. It
imports the ground layers and ``kernels`` only; ``query`` joins it with the other engines.
"""
