"""Which backend is chosen: the best, or exactly the one TV5_KERNELS names; never silently NumPy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tv5core import kernels

ACTIVE = "import tv5core.kernels as k; print(k.active())"
HIDDEN = "import sys; sys.modules['tv5core.kernels._native'] = None; " + ACTIVE
KNOWN = ("avx512", "avx2", "neon", "portable", "numpy")


def run(code: str, name: str | None, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "TV5_KERNELS"}
    if name is not None:
        environment["TV5_KERNELS"] = name
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(
    os.environ.get("TV5_NO_NATIVE", "") not in ("", "0"), reason="built without native kernels"
)
def test_native_kernels_are_there():
    """Fail rather than fall back: a build that lost its kernels must not pass for a good one."""
    assert len(kernels.available()) >= 2
    assert run(ACTIVE, None).stdout.strip() == kernels.available()[0] != "numpy"


def test_best_first():
    order = [KNOWN.index(name) for name in kernels.available()]
    assert order == sorted(order)
    assert kernels.active() in kernels.available()


@pytest.mark.parametrize("name", KNOWN)
def test_strict(name):
    done = run(ACTIVE, name, "-W", "error")
    if name in kernels.available():
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, name, "")
    else:
        assert done.returncode == 1
        assert (
            f"ImportError: expected TV5_KERNELS to be one of {kernels.available()}" in done.stderr
        )
        assert repr(name) in done.stderr


@pytest.mark.parametrize("name", ["AVX2", "sse2", "none", "native"])
def test_unknown(name):
    done = run(ACTIVE, name)
    assert done.returncode == 1
    assert f"got {name!r}" in done.stderr


def test_fallback_warns():
    done = run(HIDDEN, None)
    assert done.stdout.strip() == "numpy"
    assert "NativeKernelsMissing" in done.stderr
    assert "TV5_KERNELS=numpy" in done.stderr


def test_fallback_by_name_is_silent():
    done = run(HIDDEN, "numpy", "-W", "error")
    assert (done.stdout.strip(), done.stderr) == ("numpy", "")


def test_no_fallback_for_a_native_name():
    done = run(HIDDEN, "portable")
    assert done.returncode == 1
    assert "ImportError" in done.stderr


def test_module_can_be_imported_first():
    """The compiled module and the package import each other's names; any order must do."""
    if len(kernels.available()) == 1:
        pytest.skip("built without native kernels")
    done = run("import tv5core.kernels._native as n; print(n.available())", None)
    assert done.returncode == 0, done.stderr


def test_all_is_sorted_and_true():
    names = kernels.__all__
    upper = [name for name in names if name.isupper()]
    assert upper == sorted(upper)
    assert len(set(names)) == len(names)
    assert all(hasattr(kernels, name) for name in names)
