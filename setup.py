"""Declare the compiled kernels; everything else is in pyproject.toml."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

NATIVE = os.environ.get("TV5_NO_NATIVE", "") in ("", "0")

# A free-threaded Python has no stable ABI: there the module is for that version alone. Not tried.
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")

# -ffp-contract=off: products are rounded before they are added, in every backend alike.
# No -march: each file of ext/isa sets its own target, and dispatch.c chooses at run time.
# -g0: Python was often built with -g, which triples the size of the module.
FLAGS = ["-std=c11", "-O3", "-g0", "-ffp-contract=off", "-fvisibility=hidden", "-Wall", "-Wextra"]


def extension() -> Extension:
    """Describe the one extension module, for the stable ABI of Python 3.11 where there is one."""
    sources = [*Path("ext/isa").glob("*.c"), Path("ext/dispatch.c")]
    headers = [*Path("ext").rglob("*.h"), *Path("ext").rglob("*.inc")]
    headers += [p for p in Path("bindings").iterdir() if p.suffix in {".h", ".pxd", ".pxi"}]
    return Extension(
        "tv5core.kernels._native",
        ["bindings/_native.pyx", *sorted(map(str, sources))],
        include_dirs=["ext/include", "bindings"],
        depends=sorted(map(str, headers)),
        # Cython's own code is C that -Wextra complains about.
        extra_compile_args=[*FLAGS, "-Wno-unused-parameter"],
        define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE else [],
        libraries=["m"],
        py_limited_api=STABLE,
    )


if NATIVE:
    tags = {"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {}
    setup(ext_modules=[extension()], options=tags)
else:
    setup()
