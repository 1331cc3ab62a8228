"""Queries: what a catalogue's titles are to a search, and what a search makes of a query.

``request``
    Everything a search is asked for. Start here.
``planning``
    From a request to a search: what of a text are words, and what are filters.
``answering``, ``execution``
    The matches of a search, in order and counted; which documents match.
``search``
    One that is ready to be made, and its words.
``evidence``, ``weighing``, ``ranking``, ``second``
    What speaks for each candidate, and one score out of it; what a second space adds.
``parsing``
    A text's words, phrases, words to leave out, and clauses of filters.
``interpretation``, ``phrases``, ``vocabulary``
    What a text says about titles: services, genres, eras, places, running time, people.
``conditions``, ``knowledge``
    Readings as filters; the words and statistics that a catalogue gives a meaning to.
``names``, ``spelling``, ``title_text``, ``series``
    Names that documents have; those that a text is a misspelling of; titles as they are compared
    and sorted; parts of a series by their number.
``allowed``, ``sorting``, ``paging``
    What restricts a search; other orders than relevance; cursors.
``grammar``
    Filters as text: ``where=``, on the command line and in a query's clauses.
``documents``, ``parts``
    Titles numbered within a segment, with columns and words; ``document_index`` keeps the segments
    in step with what changes, and ``document_processes`` makes those of many on all cores.
``document_files``, ``document_sealing``, ``document_audit``
    Documents in mapped files, numbered like the graph's rows; compared with their titles.
``view``
    What one search sees: vectors and documents at one moment, and which rows of the one are which
    of the other.

It joins ``lexical``, ``columns``, ``embedding`` and ``vectors``. It never imports ``catalog``,
which calls it.
"""
