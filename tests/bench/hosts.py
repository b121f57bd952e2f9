"""Hosts that are none: a command on 2 or more emulated hosts of this machine, over a slow network.

    tests/bench/hosts.py [--hosts 2] [--rate 1gbit] [--threads 1] COMMAND...

Runs COMMAND under Open MPI's mpirun, one rank a host. A host is a network namespace with a name of
its own; all are joined by a bridge in a further one, and what leaves a host or comes to it is
limited to --rate (of tc: 1gbit, 500mbit; none: not at all). When the command has ended, a JSON line
a host on stderr tells the bytes that went through its network, headers included. Needs root, and
`ip` and `tc` (iproute2). What was set up goes when the command ends, also on a signal.

As a module: Hosts, a context manager.
"""
import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile

SUBNET = "10.77.0"

# Called by mpirun in place of ssh: the host's name, then a command for a shell there.
AGENT = """#!/bin/sh
host=$1
shift
exec {enter} "$host" "$*"
"""

# As another host: NAME COMMAND.
ENTER = """#!/bin/sh
exec ip netns exec "{prefix}$1" unshare -u sh -c \\
    'mount --bind {hosts} /etc/hosts && hostname "$0" && eval "exec $1"' "$1" "$2"
"""


def ip(*args):
    return subprocess.run(["ip", *args], check=True, text=True, capture_output=True).stdout


class Hosts:
    """n hosts h1, h2, ... joined by a network of `rate` (None: no limit)."""

    def __init__(self, n, rate=None):
        self.n, self.rate = n, rate
        self.names = [f"h{i + 1}" for i in range(n)]
        self.prefix = f"lockstep-{os.getpid()}-"
        self.switch = self.prefix + "switch"
        self.made = []  # namespaces: removing one removes what is in it
        self.folder = None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="lockstep-hosts-")
        try:
            self._write_scripts()
            self._add_namespace(self.switch)
            ip("-n", self.switch, "link", "add", "name", "bridge", "type", "bridge")
            ip("-n", self.switch, "link", "set", "bridge", "up")
            for i, name in enumerate(self.names):
                self._add_host(name, f"{SUBNET}.{i + 1}/24")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(self.made):
            subprocess.run(["ip", "netns", "del", name], check=False)
        self.made = []
        self.folder.cleanup()

    def _path(self, name):
        return os.path.join(self.folder.name, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self._path(name), 0o755)

    def _write_scripts(self):
        lines = [f"{SUBNET}.{i + 1} {name}\n" for i, name in enumerate(self.names)]
        self._write("hosts", "127.0.0.1 localhost\n" + "".join(lines))
        self._write("enter", ENTER.format(prefix=self.prefix, hosts=self._path("hosts")))
        self._write("agent", AGENT.format(enter=self._path("enter")))

    def _add_namespace(self, name):
        ip("netns", "add", name)
        self.made.append(name)
        ip("-n", name, "link", "set", "lo", "up")

    def _add_host(self, name, address):
        host = self.prefix + name
        self._add_namespace(host)
        ip("-n", self.switch, "link", "add", "name", name, "type", "veth", "peer", "name",
           "eth0", "netns", host)
        ip("-n", self.switch, "link", "set", name, "master", "bridge", "up")
        ip("-n", host, "address", "add", address, "dev", "eth0")
        ip("-n", host, "link", "set", "eth0", "up")
        for where, device in ((host, "eth0"), (self.switch, name)) if self.rate else ():
            subprocess.run(["tc", "-n", where, "qdisc", "add", "dev", device, "root", "tbf",
                            "rate", self.rate, "burst", "256k", "latency", "50ms"], check=True)

    def bytes_sent(self):
        """Of each host so far."""
        stats = [json.loads(ip("-n", self.prefix + n, "-s", "-j", "link", "show", "eth0"))[0]
                 for n in self.names]
        return [s["stats64"]["tx"]["bytes"] for s in stats]

    def command(self, *args, env=()):
        """The words of `mpirun ARGS`, one rank a host, as started on the first of them."""
        subnet = f"{SUBNET}.0/24"
        words = ["mpirun", "--allow-run-as-root", "-n", str(self.n), "--host",
                 ",".join(f"{n}:1" for n in self.names), "--bind-to", "none"]
        for key, value in (("plm_rsh_agent", self._path("agent")), ("pml", "ob1"),
                           ("btl", "tcp,self,vader"), ("btl_tcp_if_include", subnet),
                           ("oob_tcp_if_include", subnet), ("mpi_yield_when_idle", "1")):
            words += ["--mca", key, value]
        for name in env:
            words += ["-x", name]
        return [self._path("enter"), self.names[0], shlex.join([*words, *map(str, args)])]

    def run(self, *args, threads=1, **options):
        """subprocess.run of a command on all hosts."""
        env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        return subprocess.run(
            self.command(*args, env=("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "PATH")), env=env,
            check=False, **options)


def stop(number, _):
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--rate", default="1gbit")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if not args.command or not 2 <= args.hosts <= 200:
        parser.error("a command, and 2 to 200 hosts")
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces")
    signal.signal(signal.SIGTERM, stop)
    with Hosts(args.hosts, None if args.rate == "none" else args.rate) as hosts:
        before = hosts.bytes_sent()
        done = hosts.run(*args.command, threads=args.threads)
        for name, a, b in zip(hosts.names, before, hosts.bytes_sent()):
            print(json.dumps({"host": name, "sent_bytes": b - a}), file=sys.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
