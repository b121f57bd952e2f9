"""What `lockstep bench scale` plans, beside what emulated hosts measure.

    tests/bench/hosts_plan.py [--rounds 3] [--rate-gbit 1] [--rows 256 --in 56200 --units 1024 54]

For a shape (GTEx's): steps of both strategies on two hosts with and without the limit of the
network, one thread a host, and the plan of the same from one rank, in turns; figures are medians
over rounds. The hosts share this machine: figures say something where it has two cores to spare.
Then the bytes that four hosts send in a step of `features`, as their network counts them: what more
turns of steps and of an exchange alone, which sends as much as a step, have added. Needs root.
Environment: LOCKSTEP names the program.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys

import hosts

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
LOCKSTEP = os.path.abspath(os.environ.get("LOCKSTEP", "build/release/lockstep"))


def lines(done):
    if done.returncode != 0:
        sys.exit(f"{done.args}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()][1:]


def step(args, strategy, n=2, gbit=None, repeats=3):
    """(the line of a step on n hosts, the bytes that a host has sent, their mean)"""
    with hosts.Hosts(n, f"{gbit}gbit" if gbit else None) as h:
        before = h.bytes_sent()
        line, = lines(h.run(LOCKSTEP, "bench", "step", *args.shape, "--strategy", strategy,
                            "--repeats", repeats, stdout=subprocess.PIPE, text=True))
        sent = [b - a for a, b in zip(before, h.bytes_sent())]
    return line, statistics.mean(sent)


def plan(args):
    """{(strategy, nodes): line} from one rank on this machine, while another one does the same: two
    hosts share its cores and memory, too."""
    command = [LOCKSTEP, "bench", "scale", *args.shape, "--gbit", str(args.rate_gbit),
               "--repeats", "3"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ONE_THREAD) as other:
        done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE,
                              env=ONE_THREAD)
        other.terminate()
    return {(p["strategy"], p["nodes"]): p for p in lines(done)}


def middle(found, key):
    return statistics.median(f[key] for f in found)


def work(line):
    return sum(line[f"{part}_s"] for part in ("gather", "forward", "backward", "update"))


def rounds(args):
    runs = {(s, limit): [] for s in ("features", "data") for limit in (None, args.rate_gbit)}
    plans = []
    for _ in range(args.rounds):
        for (strategy, limit), found in runs.items():
            found.append(step(args, strategy, gbit=limit)[0])
        plans.append(plan(args))
    return runs, plans


def report(args, runs, plans):
    print(f"{'2 hosts':10} {'network':>10} {'step':>8} {'waiting':>8} {'plan':>8} {'step/plan':>10}")
    for (strategy, limit), found in runs.items():
        seconds = middle(found, "seconds")
        planned = statistics.median(p[strategy, 2]["seconds" if limit else "work_s"]
                                    for p in plans)
        print(f"{strategy:10} {f'{limit} Gbit/s' if limit else 'no limit':>10} {seconds:7.3f}s "
              f"{middle(found, 'wait_percent'):7.1f}% {planned:7.3f}s {seconds / planned:10.2f}")
    slow = runs["features", args.rate_gbit]
    print(f"features: speed with the limit by that without: "
          f"{middle(runs['features', None], 'seconds') / middle(slow, 'seconds'):.2f}")
    limited = runs["data", args.rate_gbit]
    wire = 8 * wire_bytes(limited[0]["sent_bytes"]) / (1e9 * args.rate_gbit)
    least = max(wire, statistics.median(map(work, limited)))
    print(f"data, step by the larger of work and bytes over the network ({wire:.3f} s): "
          f"{middle(limited, 'seconds') / least:.2f}")


def wire_bytes(sent):
    """With the headers of Ethernet, IP and TCP (with time stamps): 66 bytes for 1448."""
    return sent * (1 + 66 / 1448)


def count_bytes(args, planned, few=2, many=8):
    line, before = step(args, "features", n=4, repeats=few)
    _, after = step(args, "features", n=4, repeats=many)
    a_turn = line["steps"] + 1  # and the exchange alone, once
    sent = (after - before) / (a_turn * (many - few))
    print(f"features on 4 hosts: a host sends {sent:.0f} bytes in a step, planned {planned:.0f}: "
          f"{sent / planned:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate-gbit", type=float, default=1)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--in", type=int, default=56200, dest="inputs")
    parser.add_argument("--units", type=int, nargs="+", default=[1024, 54])
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, hosts.stop)
    args.shape = ["--rows", str(args.rows), "--in", str(args.inputs)]
    for units in args.units:
        args.shape += ["--units", str(units)]
    runs, plans = rounds(args)
    report(args, runs, plans)
    count_bytes(args, plans[0]["features", 4]["sent_bytes"])


main()
