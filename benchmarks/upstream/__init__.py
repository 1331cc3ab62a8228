"""Requests to a provider, which is a stand-in that counts them.

- ``standin``: the provider in a process of its own.
- ``limits``: what callers in one process may expect.
- ``processes``: four processes under one limit in Redis.
- ``sync``: ``tv5 sync tmdb`` at full speed, under faults and killed.
"""
