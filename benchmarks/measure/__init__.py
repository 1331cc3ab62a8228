"""What is measured of a peer, and a run over all of them.

- ``session``: one run: peers one after another, results written after each.
- ``peer``: everything about one peer, in order.
- ``indexes``: built indexes on disk, reused by what they were built from.
- ``curves``: recall against speed: survey all settings, time the best.
- ``paired``: a peer and tv5core in turns, both at the target recall: what ratios come from.
- ``correlated``: filters and deletions that have to do with the query.
- ``growth``: live rows walked and scanned; adding and sealing them.
- ``filtered``, ``opening``: searches among some rows; opening an index, warm and cold.
"""
