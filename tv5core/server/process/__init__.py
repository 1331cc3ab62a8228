"""The processes of a gateway: a supervisor, workers that answer, and one that writes.

::

    supervisor                    forks the others, holds the listening sockets, restarts what dies
    ├── writer                    the only one that has the catalogue open for writing
    ├── worker 1                  answers requests; follows the catalogue as a reader
    └── worker 2 ...

Every worker has a listening socket of its own on one port (``SO_REUSEPORT``), which the supervisor
keeps open: where a worker is killed or replaced, connections that nobody accepted yet wait for the
next one. Read in this order:

- :mod:`.serving`: :func:`~.serving.serve`, all of it; the demo's catalogue.
- :mod:`.supervisor`: which processes should run, and what happens when one ends; on a signal.
- :mod:`.children`: one process: forked, watched by its heartbeat, ended.
- :mod:`.sockets`: the sockets, and the private folder of the writer's.
- :mod:`.worker`: what a worker does, until it drains; :mod:`.opening`: what it says until then.
- :mod:`.life`: what a child owes its supervisor: signals, heartbeat, an event loop.
- :mod:`.writer_process`: the writer; :mod:`.writer_client`: the workers' side of it.
- :mod:`.messages`, :mod:`.framing`: what they say, and how it is cut into frames.
"""
