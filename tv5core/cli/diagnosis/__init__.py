"""What ``tv5 doctor`` looks at, and what it makes of it.

``machine``
    System, kernels, processors, memory, limits of the process.
``disk``
    The file system under a folder: what it is, and what it can do when tried.
``packages``
    Versions, and which extras are installed.
``catalogue``
    What a catalogue says of itself.
``findings``
    What is wrong with those facts, and what to do.

Facts are plain values that become JSON; finding faults in them touches nothing, so that it is
tested with made-up facts.
"""

from __future__ import annotations
