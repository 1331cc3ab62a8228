"""A Redis Cluster of the tests' own, on free ports of loopback, with or without replicas."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

__all__ = ["RedisCluster", "RedisSentinels", "wait_for"]

SLOTS = 16_384
_NODE_TIMEOUT_MS = 1_500
_DEADLINE_S = 60.0


def wait_for(done: Callable[[], Any], what: str) -> Any:
    """Wait until something is true, as long as a busy machine may take; return it."""
    ends = time.monotonic() + _DEADLINE_S
    while True:
        with contextlib.suppress(redis.RedisError, OSError, StopIteration):
            found = done()
            if found:
                return found
        assert time.monotonic() < ends, f"expected {what} within {_DEADLINE_S:.0f} s"
        time.sleep(0.02)


def _free_port(taken: set[int]) -> int:
    """Return a port that is free, as is the one of its node's bus, 10,000 above."""
    while True:
        port = random.SystemRandom().randrange(20_000, 45_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as bus:
            one.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            if port not in taken:
                return port


class _Servers:
    """Processes of redis-server by their ports."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("needs redis-server")
        self._program, self.folder = program, folder
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.paused = set[int]()

    def run(self, port: int, *options: str) -> None:
        folder = self.folder / str(port)
        folder.mkdir(exist_ok=True)
        self.running[port] = subprocess.Popen(
            [
                *(self._program, "--port", str(port), "--bind", "127.0.0.1"),
                *("--dir", str(folder), "--save", "", "--appendonly", "no"),
                *("--repl-diskless-sync-delay", "0", *options),
            ],
            stdout=subprocess.DEVNULL,
        )

    def kill(self, port: int) -> None:
        process = self.running.pop(port)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for port in list(self.running):
            self.kill(port)

    def admin(self, port: int) -> redis.Redis:
        return redis.Redis(port=port, socket_timeout=5, decode_responses=True)

    def pause(self, port: int) -> None:
        self.running[port].send_signal(signal.SIGSTOP)
        self.paused.add(port)

    def go_on(self, port: int) -> None:
        self.running[port].send_signal(signal.SIGCONT)
        self.paused.discard(port)


class RedisCluster(_Servers):
    """Three masters, each with ``replicas``."""

    def __init__(self, folder: Path, *, replicas: int = 0, options: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self._options = (
            *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
            *("--cluster-node-timeout", str(_NODE_TIMEOUT_MS)),
            *("--cluster-allow-replica-migration", "no"),
            *options,
        )
        self.ports: list[int] = []
        for _ in range(3 * (1 + replicas)):
            self.ports.append(_free_port(set(self.ports)))
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports[:3])

    def start(self) -> None:
        for port in self.ports:
            self.start_node(port)
        masters, replicas = self.ports[:3], self.ports[3:]
        for number, port in enumerate(masters):
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            self.admin(port).execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            self.admin(port).execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port in self.ports[1:]:
            self.admin(self.ports[0]).execute_command("CLUSTER", "MEET", "127.0.0.1", port)
        wait_for(lambda: all(self._knows_all(port) for port in self.ports), "nodes to meet")
        for number, port in enumerate(replicas):
            of = self.id_of(masters[number % 3])
            wait_for(lambda p=port, o=of: self._replicate(p, o), "a replica")
        wait_for(lambda: all(self.is_up(port) for port in self.ports), "a cluster")
        wait_for(lambda: all(map(self.is_synced, replicas)), "replicas in step")

    def start_node(self, port: int) -> None:
        self.run(port, *self._options)
        wait_for(lambda: self.admin(port).ping(), "a node to answer")

    def _knows_all(self, port: int) -> bool:
        return len(self.admin(port).execute_command("CLUSTER NODES")) == len(self.ports)

    def _replicate(self, port: int, of: str) -> bool:
        return bool(self.admin(port).execute_command("CLUSTER", "REPLICATE", of))

    def is_up(self, port: int) -> bool:
        info = self.admin(port).execute_command("CLUSTER INFO")
        return info["cluster_state"] == "ok" and info["cluster_slots_assigned"] == str(SLOTS)

    def is_synced(self, port: int) -> bool:
        return self.admin(port).info("replication").get("master_link_status") == "up"

    def id_of(self, port: int) -> str:
        return str(self.admin(port).execute_command("CLUSTER MYID"))

    def master_of(self, slot: int) -> int:
        """Return the port of the living master of a slot, as a node that lives knows it."""

        def found() -> int:
            living = [port for port in self.running if port not in self.paused]
            slots = self.admin(living[0]).execute_command("CLUSTER", "SLOTS")
            for first, last, (_, port, *_), *_ in slots:
                if first <= slot <= last and port in living:
                    return int(port)
            return 0

        return int(wait_for(found, "a master of the slot"))

    def kill_master_of(self, slot: int) -> int:
        port = self.master_of(slot)
        self.kill(port)
        return port

    def wait_until_whole(self) -> None:
        """Wait until every node is up, knows that, and replicas have what their masters have."""
        wait_for(lambda: all(self.is_up(port) for port in self.ports), "a whole cluster")
        replicas = [p for p in self.ports if self.admin(p).info("replication")["role"] == "slave"]
        wait_for(lambda: all(map(self.is_synced, replicas)), "replicas in step")

    def migrate(self, slot: int, to: int, pause_s: float = 0.0) -> None:
        """Move a slot and its keys to another node, as redis-cli does, some keys at a time."""
        source = self.master_of(slot)
        here, there = self.admin(source), self.admin(to)
        there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source))
        here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(to))
        while keys := here.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 20):
            given = ("127.0.0.1", to, "", 0, 5_000, "REPLACE", "KEYS", *keys)
            here.execute_command("MIGRATE", *given)
            time.sleep(pause_s)
        owner = self.id_of(to)
        for port in (to, source, *(p for p in self.ports if p not in (to, source))):
            with contextlib.suppress(redis.RedisError):  # replicas refuse
                self.admin(port).execute_command("CLUSTER", "SETSLOT", slot, "NODE", owner)


class RedisSentinels(_Servers):
    """A master and a replica, watched by a sentinel that acts alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ports: list[int] = []
        for _ in range(3):
            self.ports.append(_free_port(set(self.ports)))
        self.master, self.replica, self.sentinel = self.ports
        self.url = f"redis+sentinel://127.0.0.1:{self.sentinel}/films"

    def start(self) -> None:
        self.run(self.master)
        self.run(self.replica, "--replicaof", "127.0.0.1", str(self.master))
        for port in (self.master, self.replica):
            wait_for(lambda p=port: self.admin(p).ping(), "a server to answer")
        wait_for(
            lambda: self.admin(self.replica).info("replication")["master_link_status"] == "up",
            "a replica in step",
        )
        settings = self.folder / "sentinel.conf"
        settings.write_text(
            f"port {self.sentinel}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor films 127.0.0.1 {self.master} 1\n"
            "sentinel down-after-milliseconds films 500\n"
            "sentinel failover-timeout films 3000\n"
        )
        self.running[self.sentinel] = subprocess.Popen(
            [self._program, str(settings), "--sentinel"], stdout=subprocess.DEVNULL
        )
        wait_for(
            lambda: self.admin(self.sentinel).execute_command("SENTINEL", "REPLICAS", "films"),
            "a sentinel that knows the replica",
        )

    def master_now(self) -> int:
        """Return the port of the living master, as the sentinel knows it."""

        def found() -> int:
            asked = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "films")
            port = int(self.admin(self.sentinel).execute_command(*asked)[1])
            return port if self.admin(port).info("replication")["role"] == "master" else 0

        return int(wait_for(found, "a master"))

    def restart(self, port: int) -> None:
        self.run(port, "--replicaof", "127.0.0.1", str(self.master_now()))

    def wait_until_whole(self) -> None:
        """Wait until there is one master, and a replica in step that the sentinel knows."""

        def is_whole() -> bool:
            other = ({self.master, self.replica} - {self.master_now()}).pop()
            replication = self.admin(other).info("replication")
            known = self.admin(self.sentinel).execute_command("SENTINEL", "REPLICAS", "films")
            follows = replication["role"] == "slave" and replication["master_link_status"] == "up"
            return follows and not any(word in str(known) for word in ("s_down", "disconnected"))

        wait_for(is_whole, "a replica in step")
