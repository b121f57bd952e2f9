"""A real Slurm for the tests: munge, slurmctld and two slurmd on this machine.

Everything lies in a temporary folder; ports, munge's socket and its key are its own: another munge
or Slurm on the machine is not touched. A process of its own ends daemons and jobs and removes the
folder as soon as the test's process ends, however it ends; it looks for nothing but processes that
have this cluster's SLURM_CONF in their environment.
"""
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
NODES = ("n1", "n2")


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def why_not():
    """Why no Slurm can be started here; "" where it can."""
    missing = [p for p in PROGRAMS if not find(p)]
    if missing:
        return f"there is no {', '.join(missing)} (Debian: apt-get install slurm-wlm munge)"
    return "" if os.getuid() == 0 else "only root can start a Slurm"


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Cluster:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="lockstep-slurm-")
        self.conf = os.path.join(self.dir, "slurm.conf")
        self.env = {**os.environ, "SLURM_CONF": self.conf}
        self.daemons = []
        # Its parent is init: what ends this process and its children leaves it alone.
        read_end, self.alive = os.pipe()
        subprocess.run(["setsid", "--fork", sys.executable, os.path.abspath(__file__), self.dir],
                       stdin=read_end, check=True)
        os.close(read_end)

    def start(self):
        os.chmod(self.dir, 0o755)  # munge wants its socket to be reachable
        for name in ("state", *(f"{folder}.{n}" for folder in ("spool", "tmp") for n in NODES)):
            os.mkdir(os.path.join(self.dir, name))
        ports = free_ports(3)
        template = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slurm.conf.in")
        with open(template, encoding="utf-8") as f:
            text = f.read().format(dir=self.dir, host=socket.gethostname().split(".")[0],
                                   port0=ports[0], port1=ports[1], port2=ports[2])
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)
        key = os.path.join(self.dir, "munge.key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
            f.write(secrets.token_bytes(128))
        self.daemon("munged", "--foreground", f"--socket={self.dir}/munge.socket",
                    f"--key-file={key}", f"--pid-file={self.dir}/munged.pid",
                    f"--seed-file={self.dir}/munged.seed")
        self.wait_for("munge's socket", lambda: os.path.exists(f"{self.dir}/munge.socket"))
        self.daemon("slurmctld", "-D")
        for n in NODES:
            self.daemon("slurmd", "-D", "-N", n)
        self.wait_for("both nodes", lambda: self.call(
            "sinfo", "-h", "-N", "-o", "%T", check=False).split() == ["idle"] * len(NODES))

    def daemon(self, program, *args):
        with open(os.path.join(self.dir, f"{program}{len(self.daemons)}.out"), "wb") as out:
            self.daemons.append(subprocess.Popen([find(program), *args], env=self.env, stdout=out,
                                                 stderr=out, stdin=subprocess.DEVNULL))

    def wait_for(self, what, done, seconds=60):
        end = time.monotonic() + seconds
        while not done():
            for d in self.daemons:
                if d.poll() is not None:
                    raise RuntimeError(f"{d.args[0]} ended\n{self.logs()}")
            if time.monotonic() > end:
                raise RuntimeError(f"waited {seconds} s for {what}\n{self.logs()}")
            time.sleep(0.2)

    def logs(self):
        found = [self.call("squeue", check=False)]
        for name in sorted(os.listdir(self.dir)):
            if name.endswith((".log", ".out")):
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                    found.append(f"== {name}\n" + "".join(f.readlines()[-12:]))
        return "\n".join(found)

    def call(self, program, *args, check=True, cwd=None, env=None):
        """Runs one of Slurm's commands; gives what it prints."""
        done = subprocess.run([find(program), *args], env={**self.env, **(env or {})}, cwd=cwd,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(f"{program} {args}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def job(self, number):
        """What Slurm knows of a job: JobState, ExitCode, Restarts, ..."""
        text = self.call("scontrol", "show", "job", "-o", number)
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def stop(self):
        os.close(self.alive)
        for d in self.daemons:
            d.wait(timeout=30)
        while os.path.exists(self.dir):
            time.sleep(0.1)


def processes(conf):
    """Daemons, steps and jobs of the cluster with this slurm.conf."""
    mine = f"SLURM_CONF={conf}".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if mine in f.read().split(b"\0"):
                    yield int(pid)
        except OSError:
            pass


def clean_up(directory):
    """Ends everything, whatever state it is in, and removes the folder. What is started in the
    meantime is found in the next round."""
    found = True
    while found:
        found = False
        for pid in processes(os.path.join(directory, "slurm.conf")):
            try:
                os.kill(pid, signal.SIGKILL)
                found = True
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    for s in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(s, signal.SIG_IGN)
    sys.stdin.buffer.read()  # ends with the last process that holds the other end
    clean_up(sys.argv[1])
