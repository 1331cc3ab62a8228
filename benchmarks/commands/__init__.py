"""The commands of ``python -m benchmarks``, one module each.

A module has ``add_arguments(parser)`` and ``main(options) -> exit status``; its docstring is the
command's help. Results go to the standard output, progress to the standard error. ``--json`` prints
JSON instead of a table; ``run`` takes a file, since ``report`` and ``run --resume`` read it.

- ``run``: build, search and weigh peers; ``report``: tables and plots of runs.
- ``pictures``: the published tables, drawn for the documentation.
- ``data``, ``peers``: prepare vectors; list the libraries.
- ``filters``: filters and deletions that have to do with the query.
- ``growth``: live rows, and sealing them.
- ``profile``: one search stage by stage; ``compare``: two pytest-benchmark files.
- ``relevance``: searches over real titles, by judged queries.
- ``recommend``: recommendations on held-out ratings.
- ``search``: speed of search by text.
- ``titles``: made-up whole titles, and how like real ones they are.
- ``load``, ``soak``, ``chaos``, ``knee``: a gateway under users, for long, broken, and beside a
  bare handler.
- ``lag``: a gateway's event loop while its catalogue is sealed.
- ``backends``: a catalogue's vectors in its own index, in Qdrant and in Milvus.
- ``scale``: what a catalogue of a size costs, target against measured;
  ``million``: a large one, whole.
- ``cold_start``: to a gateway's first answer; ``standin``: TMDB, played.
- ``churn``, ``cache_memory``, ``cache_mix``, ``upstream``, ``upstream_sync``: one subject each.
"""
