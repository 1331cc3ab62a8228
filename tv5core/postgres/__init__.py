"""PostgreSQL as the source of truth: a table's rows in a catalogue (extra ``postgres``).

Read in this order:

- :mod:`.sync`: :class:`~.sync.PostgresSync` loads a table and follows it.
- :mod:`.mapping`: which column is which field. :mod:`.values`: from a row's text to a title.
- :mod:`.connection`: hosts, sessions, and refusals as errors. :mod:`.table`: what a table is now.
- :mod:`.loading`, :mod:`.rows`: the first load, by COPY on several connections.
- :mod:`.following`, :mod:`.slot`, :mod:`.batch`, :mod:`.pgoutput`: changes out of the log.
- :mod:`.polling`: changes where the log may not be read.
- :mod:`.checkpoint`: the progress that is stored with each batch. :mod:`.report`: what was done.

A catalogue is seen through :class:`~.report.Sink`; nothing here imports :mod:`tv5core.catalog`.
"""
