"""One place that opens a Redis: a single one, behind Sentinel, or a cluster (extra ``redis``).

Whoever uses Redis takes a URL, and gets the same client whatever is behind it. In reading order:

==============  ====================================================================
``address``     :class:`RedisAddress`: what a URL says, with credentials from elsewhere
``opening``     :func:`open_redis` makes a client; :func:`check_redis` says what is wrong
``client``      what clients do; :class:`SingleClient` of one server, also behind Sentinel
``cluster``     :class:`ClusterClient`: asks the node that serves a key
``messages``    what is published on a channel
``slots``       in which slot a key is; hash tags that are spread evenly over them
``identity``    who a server is, asked inside a script
``refusals``    what an error means: away for now, or not usable in this way
==============  ====================================================================
"""
