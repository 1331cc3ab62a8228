"""Queries: what a catalogue's titles are to a search, and what a search makes of a query.

``documents``
    Titles numbered within a segment, with columns and words; ``document_index`` keeps the segments
    in step with what changes.
``view``
    What one search sees: vectors and documents at one moment, and which rows of the one are which
    of the other.

It joins ``lexical``, ``columns``, ``embedding`` and ``vectors``. It never imports ``catalog``,
which calls it.
"""
