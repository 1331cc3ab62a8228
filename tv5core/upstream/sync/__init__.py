"""Copies TMDB into a catalogue, and keeps it up to date.

Read in this order:

- :mod:`.full_sync`: :func:`~.full_sync.sync_tmdb` fetches the titles of TMDB's exports.
- :mod:`.refresh`: :func:`~.refresh.refresh_tmdb` fetches the titles that changed.
- :mod:`.options`: their options and defaults. :mod:`.report`: what they return.
- :mod:`.plan`: which titles to fetch, in which order.
- :mod:`.run`: fetches and stores the titles of a plan, batch by batch.
- :mod:`.checkpoint`: the progress that is stored with each batch.
- :mod:`.bulk_retry`: retries of calls that have time.

A catalogue is seen through :class:`~.run.Sink`; nothing here imports :mod:`tv5core.catalog`.
"""
