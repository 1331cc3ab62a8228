"""One peer in a process of its own, so that its memory and threads are its alone.

- ``client``: starts the process and asks it, with timeouts.
- ``worker``: the process: builds, opens and searches; JSON lines in, JSON lines out.
- ``timing``: batches and single calls on one thread or more; recall.
- ``milvus_lite``: a server of Milvus's protocol, to be started and stopped.
- ``adding``: rows are added on one thread while another searches.
"""
