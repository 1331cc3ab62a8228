"""The vector index in step with the store.

Read in this order:

``recovery_log``
    What opening found damaged, collected and logged.
``manager``
    ``IndexManager``: opens the index, replays the journal onto it, seals it, swaps it.
``seal_policy``
    When it is sealed in the background.
``generation_files``
    The sealed files of a generation: built from the store, checked when opened; and
    ``ServedIndex``, what searches use.
``background``
    One thread for work that nobody waits for.
"""
