#!/usr/bin/env python3
"""Build wheels for every platform on one Linux machine, check them, try them.

    python .ci/wheels.py build [NAME ...] [--out dist]   # all platforms, or some
    python .ci/wheels.py check WHEEL ...                 # what is in them, which ABI, which tags
    python .ci/wheels.py try WHEEL [--cpu Nehalem]       # in a bare environment, without a compiler

It needs what ``pip install '.[wheels]'`` installs. The compiler is Zig's clang, which brings the
headers and stubs of each C library with it, so no container is needed: one sdist, compiled for each
platform with this Python's headers. That is right for the stable ABI on 64-bit platforms only: its
headers do not depend on the platform otherwise. ``auditwheel`` then verifies that no newer symbols
are needed than the tag promises. ``--cpu`` runs under QEMU's user mode (Debian: qemu-user) as a
processor that lacks instructions. Wheels for macOS are compiled and inspected; nothing runs them.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGEST_BYTES = 4_000_000
NATIVE = "tv5core/kernels/_native.abi3.so"


@dataclass(frozen=True)
class Target:
    """A platform: Zig's name for it, Python's, and the tag of its wheels."""

    triple: str
    host: str
    tag: str
    link: str = "-shared -s"

    @property
    def arch(self) -> str:
        """The machine, as auditwheel names it."""
        return self.triple.split("-")[0]

    @property
    def is_musl(self) -> bool:
        """Whether its C library is musl."""
        return self.tag.startswith("musllinux")


TARGETS = {
    "glibc-x86_64": Target("x86_64-linux-gnu.2.28", "linux-x86_64", "manylinux_2_28_x86_64"),
    "glibc-aarch64": Target("aarch64-linux-gnu.2.28", "linux-aarch64", "manylinux_2_28_aarch64"),
    "musl-x86_64": Target("x86_64-linux-musl", "linux-x86_64", "musllinux_1_2_x86_64"),
    "musl-aarch64": Target("aarch64-linux-musl", "linux-aarch64", "musllinux_1_2_aarch64"),
    "macos-arm64": Target(
        "aarch64-macos.11.0",
        "macosx-11.0-arm64",
        "macosx_11_0_arm64",
        "-shared -s -undefined dynamic_lookup",
    ),
}

# auditwheel knows the platforms of the machine that it runs on; the verification itself is of ELF
# files and does not need that machine.
AUDITWHEEL = """
import sys
from auditwheel.architecture import Architecture
from auditwheel.libc import Libc
arch, libc = Architecture(sys.argv.pop(1)), Libc(sys.argv.pop(1))
Architecture.detect = staticmethod(lambda *_, **__: arch)
Libc.detect = staticmethod(lambda: libc)
from auditwheel.main import main
sys.exit(main())
"""


def run(*command: object, **options: object) -> None:
    """Run a command; its output is shown where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\nexit code {done.returncode}")


def only(folder: Path, pattern: str) -> Path:
    """Return the one file that matches."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        sys.exit(f"expected one {pattern} in {folder}, got {found}")
    return found[0]


# -- build --------------------------------------------------------------------------------


def build(names: list[str], out: Path) -> list[Path]:
    """Build the sdist and from it a wheel for each platform."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", work / "sdist", ROOT)
        sdist = only(work / "sdist", "*.tar.gz")
        shutil.copy2(sdist, out)
        return [made(TARGETS[name], sdist, work / name, out) for name in names]


def made(target: Target, sdist: Path, work: Path, out: Path) -> Path:
    """Build the wheel of one platform."""
    compiler = f"{sys.executable} -m ziglang cc -target {target.triple} -fno-sanitize=undefined"
    env = {
        **os.environ,
        "CC": compiler,
        "LDSHARED": f"{compiler} {target.link}",
        "CFLAGS": "",
        "LDFLAGS": "",
        "_PYTHON_HOST_PLATFORM": target.host,
    }
    run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
        "--no-cache-dir", "--disable-pip-version-check", "--wheel-dir", work, sdist, env=env,
    )  # fmt: skip
    raw = only(work, "*.whl")
    if not target.tag.startswith(("manylinux", "musllinux")):
        return Path(shutil.copy2(raw, out))
    if target.is_musl:
        raw = name_musl(raw, target, work)
    run(
        sys.executable, "-c", AUDITWHEEL, target.arch, "musl" if target.is_musl else "glibc",
        "repair", "--plat", target.tag, "--only-plat", "--ldpaths", work / "none",
        "--wheel-dir", out, raw,
    )  # fmt: skip
    return only(out, f"*-{target.tag}.whl")


def name_musl(raw: Path, target: Target, work: Path) -> Path:
    """Have the module ask for musl under the name that its distributions give it.

    Zig's stub is called ``libc.so``, which elsewhere is a linker script of glibc.
    """
    run(sys.executable, "-m", "wheel", "unpack", "--dest", work / "open", raw)
    folder = only(work / "open", "*")
    name = f"libc.musl-{target.arch}.so.1"
    run("patchelf", "--replace-needed", "libc.so", name, folder / NATIVE)
    raw.unlink()
    run(sys.executable, "-m", "wheel", "pack", "--dest-dir", work, folder)
    return only(work, "*.whl")


# -- check --------------------------------------------------------------------------------


def check(wheel: Path) -> None:
    """Check a wheel's contents, its ABI, its size and, of a repaired one, its tag."""
    run("check-wheel-contents", wheel)
    run("abi3audit", "--strict", wheel)
    if wheel.stat().st_size > LARGEST_BYTES:
        sys.exit(
            f"{wheel.name}: expected up to {LARGEST_BYTES:,} bytes, got {wheel.stat().st_size:,}"
        )
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        modules = [name for name in names if name.endswith((".so", ".pyd", ".dylib"))]
        strays = {name.split("/")[0] for name in names} - {"tv5core", only_info(names)}
        start = file.read(modules[0])[:4] if modules else b""
    if modules != [NATIVE] or strays:
        sys.exit(
            f"{wheel.name}: expected tv5core with {NATIVE}, got {modules} and {sorted(strays)}"
        )
    magic = b"\xcf\xfa\xed\xfe" if "macosx" in wheel.name else b"\x7fELF"
    if start != magic:
        sys.exit(
            f"{wheel.name}: expected a module of its platform, got one that starts with {start!r}"
        )
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, checked")


def only_info(names: list[str]) -> str:
    """Return the name of the wheel's folder of metadata."""
    return next(name.split("/")[0] for name in names if ".dist-info/" in name)


# -- try ----------------------------------------------------------------------------------

USE = """
import json, subprocess, sys
from tv5core import kernels
import tv5core
assert "site-packages" in tv5core.__file__, tv5core.__file__
print("kernels", *kernels.available())
from tv5core.cli import main
sys.argv[:] = ["tv5", "demo", "--json"]
main()
"""


def attempt(wheel: Path, cpu: str | None) -> None:
    """Install a wheel where there is no compiler, and let it answer."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "venv", work / "venv")
        python = work / "venv/bin/python"
        bare = {"PATH": f"{work}/venv/bin", "HOME": folder, "TMPDIR": folder}
        bare |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        run(
            python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--only-binary", ":all:", f"{wheel.resolve()}[cli]", env=bare,
        )  # fmt: skip
        emulator = []
        if cpu:
            emulator = [shutil.which(f"qemu-{platform.machine()}") or "qemu-user", "-cpu", cpu]
        done = subprocess.run(
            [*emulator, str(python), "-c", USE],
            cwd=folder, env=bare, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode or '"titles": 305' not in done.stdout:
        sys.exit(f"{wheel.name}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    kernels = done.stdout.splitlines()[0].split()[1:]
    wanted = [] if cpu else kernels_of_processor()
    if missing := set(wanted) - set(kernels):
        sys.exit(f"{wheel.name}: expected kernels {wanted}, got {kernels}: no {sorted(missing)}")
    print(f"{wheel.name}: installed without a compiler, answers; kernels", *kernels)


def kernels_of_processor() -> list[str]:
    """Return the kernels that this processor can run, as Linux says what it can."""
    if platform.machine() != "x86_64":
        return ["neon", "portable"]
    flags = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
    avx2 = {"avx2", "f16c", "bmi1", "bmi2", "popcnt"} <= flags
    avx512 = {"avx512vl", "avx512bw", "avx512dq", "avx512_vnni", "avx512_vpopcntdq"} <= flags
    return ["portable", *(["avx2"] if avx2 else []), *(["avx512"] if avx2 and avx512 else [])]


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("build")
    one.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TARGETS))
    one.add_argument("--out", type=Path, default=ROOT / "dist")
    one = commands.add_parser("check")
    one.add_argument("wheels", nargs="+", type=Path)
    one = commands.add_parser("try")
    one.add_argument("wheels", nargs="+", type=Path)
    one.add_argument("--cpu", help="a processor that QEMU knows, such as Nehalem")
    given = parser.parse_args()
    # The tools of this environment, also where it is not activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if given.command == "build":
        if unknown := set(given.names) - set(TARGETS):
            parser.error(f"expected names out of {', '.join(TARGETS)}, got {', '.join(unknown)}")
        for wheel in build(given.names or list(TARGETS), given.out):
            check(wheel)
    for wheel in getattr(given, "wheels", []):
        attempt(wheel, given.cpu) if given.command == "try" else check(wheel)


if __name__ == "__main__":
    main()
