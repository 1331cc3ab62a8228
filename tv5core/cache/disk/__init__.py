"""The disk tier: LMDB in a folder, shared by processes.

The modules, in reading order:

====================  ================================================================
``tier``              :class:`DiskTier`: entries, invalidation, leases, checkpoints
``entry_codec``       keys and values as bytes
``entries``           storing, deleting and listing entries within a transaction
``invalidation_log``  the numbered log of invalidations that all processes follow
``leases``            who loads a key, over all processes
``maintenance``       opening, committing, following other processes, recovering
``writer_thread``     the thread that commits everything, in batches
``eviction``          removing expired entries, and others where there is no room
``environment``       the LMDB environment, shared by the handles of a process
``databases``         opening LMDB's file: its databases and its format
``control_page``      the epoch of the entries, and whether the file can be trusted
====================  ================================================================
"""
