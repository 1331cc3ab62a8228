"""Nothing that only Linux has is needed to import tv5core.

No Mac is at hand. What macOS's Python lacks is taken from this one, files of /proc and /sys are
hidden, and then every module is imported. What kernel, disk and LMDB do there is not tested.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HIDE = """
import fcntl, mmap, os, resource, select, signal, socket, sys, time

LINUX_ONLY = {
    os: "sched_getaffinity sched_setaffinity posix_fallocate posix_fadvise eventfd memfd_create "
        "pipe2 getrandom copy_file_range splice fdatasync getxattr setxattr listxattr removexattr "
        "pidfd_open O_DIRECT O_TMPFILE O_PATH O_LARGEFILE O_NOATIME O_RSYNC",
    mmap: "MAP_POPULATE MAP_STACK MAP_DENYWRITE MAP_EXECUTABLE MADV_HUGEPAGE MADV_NOHUGEPAGE "
          "MADV_MERGEABLE MADV_DONTFORK MADV_REMOVE MADV_DONTDUMP",
    resource: "prlimit RUSAGE_THREAD RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_SIGPENDING "
              "RLIMIT_OFILE",
    select: "epoll",
    signal: "SIGRTMIN SIGRTMAX SIGPOLL SIGPWR SIGSTKFLT sigtimedwait sigwaitinfo "
            "pidfd_send_signal",
    socket: "AF_NETLINK AF_ALG AF_VSOCK SO_PEERCRED SO_BINDTODEVICE TCP_USER_TIMEOUT "
            "TCP_QUICKACK SOCK_CLOEXEC SOCK_NONBLOCK",
    time: "CLOCK_BOOTTIME CLOCK_TAI",
    fcntl: "F_OFD_SETLK F_OFD_SETLKW F_OFD_GETLK F_SETPIPE_SZ F_ADD_SEALS F_SETLEASE F_NOTIFY",
}
for module, names in LINUX_ONLY.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
            print("hidden", name)


def is_ours(frame):
    # Linux builds of other packages may read /proc; theirs for macOS do not.
    while frame is not None:
        root = frame.f_globals.get("__name__", "").partition(".")[0]
        if root in ("tv5core", "psutil", "threadpoolctl"):
            return root == "tv5core"
        frame = frame.f_back
    return False


def hide(event, arguments):
    if event in ("open", "os.listdir", "os.scandir"):
        path = arguments[0]
        hidden = isinstance(path, str) and path.startswith(("/proc", "/sys"))
        if hidden and is_ours(sys._getframe(1)):
            raise FileNotFoundError(2, "No such file or directory", path)


sys.addaudithook(hide)
"""

IMPORT_ALL = """
import importlib, pkgutil
import tv5core
names = [found.name for found in pkgutil.walk_packages(tv5core.__path__, "tv5core.")]
for name in names:
    importlib.import_module(name)
print(len(names), "modules")
"""


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HIDE + code],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_is_imported_without_what_only_linux_has(tmp_path: Path) -> None:
    printed = run(IMPORT_ALL, tmp_path)
    assert "hidden sched_getaffinity" in printed
    assert int(printed.splitlines()[-1].split()[0]) > 300
