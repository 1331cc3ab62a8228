"""The cache.

- ``caches``: the memory tier and four other libraries, each as a getter and a setter.
- ``memory``: their hit ratio, speed and memory on one trace.
- ``traffic``: a service's requests through a cached catalogue.
"""
