"""The memory tier: decoded values, bounded in bytes.

The modules, in reading order:

=============  ==========================================================
``tier``       :class:`MemoryTier`: entries by kind, key and tag
``s3fifo``     which entry to evict: S3-FIFO
``footprint``  how many bytes values and dicts take
=============  ==========================================================
"""
