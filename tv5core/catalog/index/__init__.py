"""The vector index in step with the store.

Read in this order:

``recovery_log``
    What opening found damaged, collected and logged.
``served``
    ``ServedIndex``: what searches use, vectors and documents.
``follower``
    ``IndexFollower``: opens the index, replays the journal onto it, keeps it in step.
    ``title_source`` reads titles for its documents.
``manager``
    ``IndexManager``: seals it besides, and swaps it.
``seal_policy``
    When it is sealed in the background.
``generation_files``
    The sealed vectors of a generation: built from the store, checked when opened.
``document_generation``
    Its sealed documents: merged from those there are, checked when first used.
``elsewhere``, ``outbox``, ``sender``
    ``RemoteIndexManager``: vectors in a collection of Qdrant or Milvus; what it lacks, and the
    thread that sends it.
``choice``
    Which manager a catalogue has.
``background``
    One thread for work that nobody waits for.
"""
