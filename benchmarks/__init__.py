"""Measurements of tv5core and of other libraries.

Run from a checkout with ``pip install '.[bench]'``.

``python -m benchmarks --help`` lists the commands; ``benchmarks/README.md`` holds the results and
``benchmarks/NOTES.md`` what was tried. Packages, in the order to read them; each imports only those
above it:

=============  ====================================================================================
``progress``   Progress lines on the standard error.
``results``    The records that a run writes and a report reads.
``machine``    Cores, memory and disk of this machine.
``data``       Vectors, queries, their true neighbours, filters and titles.
``peers``      One class a library, tv5core among them, behind one interface.
``process``    The process that a peer is built and searched in, and the client that talks to it.
``catalog``    ``Catalog.search``, a catalogue under churn, and one of a million titles.
``measure``    What is measured of a peer, and a run over all peers.
``profiling``  One search, stage by stage.
``report``     Tables, plots, losses and targets of runs.
``cache``      The memory tier against other caches, and traffic through a cached catalogue.
``recommend``  Recommendations for users of MovieLens, judged by what they liked next.
``upstream``   Rate limits, fetching and synchronisation against a stand-in.
``load``       A gateway under users, and while something is broken.
``relevance``  Judged queries over real titles: tv5core's searches against full-text engines.
``commands``   One module a command: its arguments, and what it prints.
``adapters``   tv5core for ann-benchmarks and VectorDBBench, to be copied into their trees.
``suites``     pytest-benchmark suites, compared by ``python -m benchmarks compare``.
=============  ====================================================================================
"""
