"""A real gateway under load: users of locust, a stand-in for TMDB, a Redis, and what is required.

- ``standin``: TMDB for any id, with latency, faults and its contract, in a process of its own.
- ``services``: the gateway, the stand-in and Redis as processes, and their memory over time.
- ``scenarios``: what users ask: browse, storm, recommend, mixed.
- ``locustfile``: the same as users of locust, which writes down every answer.
- ``judging``: percentiles, service levels, and criteria that pass or fail.
- ``running``: one scenario from start to verdict.
- ``soaking``: an even load for long, and whether anything grows.
- ``lagging``: how late the event loop is while the catalogue is sealed.
- ``chaos``: what clients see while something is broken, and how long until nothing is.
- ``faulty``: a clock that jumps (``clock.c``), and a disk that is full.
- ``bare``: a bare handler, to compare with.
- ``k6/scenarios.ts``: the four scenarios as a script for k6.
"""
