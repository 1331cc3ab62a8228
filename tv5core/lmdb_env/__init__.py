"""LMDB environments: what the catalogue's store and the cache on disk have in common.

LMDB asks three things that a library cannot leave to its callers:

- An environment is open at most once in a process. So handles to one folder share an
  environment, counted by reference.
- The map does not change its size, and the environment is not closed, while a transaction
  runs. So every transaction holds a lock shared, and such changes hold it exclusively. Who
  holds it may enter again, and holds it no longer than its call lasts: an exception out of a
  signal handler leaves nothing locked.
- A child made by ``fork`` neither uses nor closes its parent's environment (closing clears the
  parent's slots in the reader table). So it is closed before a fork, and opened again, on first
  use, on both sides.

What a commit promises, what becomes of a damaged file and how large the map is differ between
the two, so each has its own subclass: ``tv5core.store.environment`` (durable, growing) and
``tv5core.cache.disk.environment`` (not synced, of fixed size, replaceable).

Modules, in reading order:

``transaction``
    A transaction and the databases it may touch.
``calls``
    Which calls still run: how it is noticed that an exception cut something short.
``read_gate``
    The shared and exclusive lock around transactions.
``forks``
    No fork while another thread imports.
``registry``
    The environments of this process, shared by folder; the hooks around ``fork``.
``opening``
    Opening LMDB's file, checks of its length, and how much of it is in use.
``pages``, ``page_walk``, ``page_check``
    LMDB's pages read without LMDB, which trusts them blindly: checked before it does.
``environment``
    The base class: open, share, read, write, follow another process's map, reopen.
``lmdb_errors``
    LMDB's errors as errors of tv5core.
"""
