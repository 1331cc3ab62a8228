"""Queries: what a catalogue's titles are to a search, and what a search makes of a query.

``parsing``
    A text's words, phrases, words to leave out, and clauses of filters. Start here.
``interpretation``, ``phrases``, ``vocabulary``
    What a text says about titles: services, genres, eras, places, running time, people.
``grammar``
    Filters as text: ``where=``, on the command line and in a query's clauses.
``documents``, ``parts``
    Titles numbered within a segment, with columns and words; ``document_index`` keeps the segments
    in step with what changes.
``document_files``, ``document_sealing``, ``document_audit``
    Documents in mapped files, numbered like the graph's rows; compared with their titles.
``view``
    What one search sees: vectors and documents at one moment, and which rows of the one are which
    of the other.

It joins ``lexical``, ``columns``, ``embedding`` and ``vectors``. It never imports ``catalog``,
which calls it.
"""
