"""The machine under the measurements.

- ``processor``: cores, pinning, thread variables, memory of this process.
- ``limits``: refuse a step whose disk or memory is not there, before it begins.
"""
