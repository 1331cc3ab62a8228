"""Queries: what a catalogue's titles are to a search, and what a search makes of a query.

``parsing``
    A text's words, phrases, words to leave out, and clauses of filters. Start here.
``interpretation``, ``phrases``, ``vocabulary``
    What a text says about titles: services, genres, eras, places, running time, people.
``documents``
    Titles numbered within a segment, with columns and words; ``document_index`` keeps the segments
    in step with what changes.
``view``
    What one search sees: vectors and documents at one moment, and which rows of the one are which
    of the other.

It joins ``lexical``, ``columns``, ``embedding`` and ``vectors``. It never imports ``catalog``,
which calls it.
"""
