"""PyTorch's time a step of a network of dense layers with ReLU between them: the PyTorch side of
compare_pytorch.sh.

    pytorch_steps.py --layers 784 100 50 10 --batch 128 --optimizer adam --steps 64 --epochs 4
        [--seconds 1e9] [--processes 1] [--threads 1]

Cross entropy, random rows in memory, a new order each epoch. Trains three times: with the optimiser
as PyTorch gives it by default, with its fastest way to update on this processor (fused where this
version has that, else foreach), and so once more with the layers in bfloat16 (autocast). With
several processes: DistributedDataParallel over gloo, each with its share of the batch; but for the
first time with gradients that are views of its buckets, which saves a copy. A training that has
taken --seconds ends with the epoch, the second or a later one. Prints a JSON object: version, name
of the fastest way, milliseconds a step of each: the median over epochs, the first one left out.
Needs nothing but PyTorch.
"""
import argparse
import json
import os
import statistics
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

import torch  # noqa: E402

RATES = {"adam": 1e-4, "sgd": 1e-3}  # so small that nothing diverges; the time does not depend on it


def network(layers):
    parts = []
    for inputs, outputs in zip(layers, layers[1:]):
        parts += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])


def rule(name, parameters, **way):
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=RATES[name], momentum=0.9, **way)
    return torch.optim.Adam(parameters, lr=RATES[name], **way)


def fastest(name):
    """The first of these words that this version takes on a CPU; some fail at the first step only.
    """
    for word in ("fused", "foreach"):
        model = network([2, 2])
        try:
            update = rule(name, model.parameters(), **{word: True})
            model(torch.ones(1, 2)).sum().backward()
            update.step()
            return word
        except (RuntimeError, TypeError, ValueError):
            pass
    return "default"


def wait_for_all(args):
    if args.processes > 1:
        torch.distributed.barrier()


def spent(args, times):
    """Whether that is enough, as the first process sees it."""
    enough = torch.tensor(int(len(times) >= 2 and sum(times) * args.steps >= 1e3 * args.seconds))
    if args.processes > 1:
        torch.distributed.broadcast(enough, 0)
    return bool(enough)


def milliseconds(args, x, y, way, bf16=False):
    """A step's: the median over the epochs but the first."""
    torch.manual_seed(1)
    model = network(args.layers)
    if args.processes > 1:
        model = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=bool(way))
    update = rule(args.optimizer, model.parameters(), **way)
    loss_of = torch.nn.CrossEntropyLoss()
    times = []
    for _ in range(args.epochs):
        wait_for_all(args)
        begin = time.monotonic()
        for rows in torch.randperm(len(x)).split(args.batch // args.processes):
            update.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                loss = loss_of(model(x[rows]), y[rows])
            loss.backward()
            update.step()
        wait_for_all(args)
        times.append(1e3 * (time.monotonic() - begin) / args.steps)
        if spent(args, times):
            break
    return statistics.median(times[1:])


def measure(rank, args, folder):
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # as lockstep does
    if args.processes > 1:
        torch.distributed.init_process_group("gloo", f"file://{folder}/processes", rank=rank,
                                             world_size=args.processes)
    n = args.steps * args.batch // args.processes
    torch.manual_seed(rank)
    x, y = torch.randn(n, args.layers[0]), torch.randint(args.layers[-1], (n,))
    word = fastest(args.optimizer)
    best = {word: True} if word != "default" else {}
    result = {"version": torch.__version__.split("+")[0], "fastest": word,
              "default_ms": milliseconds(args, x, y, {}),
              "fastest_ms": milliseconds(args, x, y, best),
              "bf16_ms": milliseconds(args, x, y, best, bf16=True)}
    if rank == 0:
        print(json.dumps(result), flush=True)
    if args.processes > 1:
        torch.distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--layers", type=int, nargs="+", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--optimizer", choices=sorted(RATES), required=True)
    parser.add_argument("--steps", type=int, required=True, help="steps an epoch")
    parser.add_argument("--epochs", type=int, required=True, help="at least 2")
    parser.add_argument("--seconds", type=float, default=1e9, help="of one training, about")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        if args.processes == 1:
            measure(0, args, folder)
            return
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # the machine's own name need not resolve
        torch.multiprocessing.spawn(measure, (args, folder), nprocs=args.processes)


if __name__ == "__main__":
    main()
