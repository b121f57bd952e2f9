"""The same weights as PyTorch's where more than the optimiser makes an update: penalties, clipping,
accumulation, rates of layers, frozen layers, and the rules that look at norms.

# timeout: 300
# processors: 2

The tolerance of 1e-5 (norm of the difference by the norm, a tensor): see test_pytorch.py. A part of
the update that is left out shows as more than 1e-3, which the test asks, too.
"""
import numpy as np

import lockstep_test
from whole_batches import CLASSES, INPUTS, WholeBatches, values

HIDDEN, UPDATES = 70, 12


def penalised(torch, p, l1=0.0, l2=0.0):
    return sum(l1 * w.abs().sum() + l2 / 2 * (w ** 2).sum() for w in p[::2])


def lars(torch, p, state, lr=0.5, momentum=0.9, decay=0.01, trust=0.02):
    for i, w in enumerate(p):
        rate = trust * w.norm() / (w.grad.norm() + decay * w.norm()) if w.dim() > 1 else 1
        state[i] = momentum * state.get(i, 0) + lr * rate * (w.grad + decay * w)
        w -= state[i]


def lamb(torch, p, state, lr=0.02, b1=0.9, b2=0.999, eps=1e-6, decay=0.01):
    t = state["t"] = state.get("t", 0) + 1
    for i, w in enumerate(p):
        m, v = state.get(i, (0, 0))
        m, v = b1 * m + (1 - b1) * w.grad, b2 * v + (1 - b2) * w.grad ** 2
        state[i] = m, v
        u = m / (1 - b1 ** t) / ((v / (1 - b2 ** t)).sqrt() + eps) + decay * w
        w -= lr * (w.norm() / u.norm() if w.dim() > 1 else 1) * u


def sgd(torch, p, state, lr=0.05, scales=(1, 1, 1, 1)):
    for w, scale in zip(p, scales):
        w -= lr * scale * w.grad


def clip_norm(torch, p):
    torch.nn.utils.clip_grad_norm_(p, 0.3)


def clip_value(torch, p):
    torch.nn.utils.clip_grad_value_(p, 0.01)


# name: (the config's lines, what PyTorch does: penalty, clipping, rule)
CASES = {
    "plain": ("optimizer: {sgd: 0.05}", {}),
    "l1": ("optimizer: {sgd: 0.05}\npenalty: {l1: 0.01}", {"penalty": {"l1": 0.01}}),
    "elastic net": ("optimizer: {sgd: 0.05}\npenalty: {l1: 0.01, l2: 0.2}",
                    {"penalty": {"l1": 0.01, "l2": 0.2}}),
    "clip norm": ("optimizer: {sgd: 0.05}\nclip: {norm: 0.3}", {"clip": clip_norm}),
    "clip norm and penalty": ("optimizer: {sgd: 0.05}\nclip: {norm: 0.3}\npenalty: {l2: 0.2}",
                              {"clip": clip_norm, "penalty": {"l2": 0.2}}),
    "clip value": ("optimizer: {sgd: 0.05}\nclip: {value: 0.01}", {"clip": clip_value}),
    "rates": ("optimizer: {sgd: 0.05}", {"first": ", lr_scale: 0.25", "scales": (0.25, 0.25, 1, 1)}),
    "frozen": ("optimizer: {sgd: 0.05}\nclip: {norm: 0.3}",
               {"first": ", frozen: true", "scales": (0, 0, 1, 1), "clip": clip_norm, "frozen": True}),
    "lars": ("optimizer: {lars: {lr: 0.5, weight_decay: 0.01, trust: 0.02}}", {"rule": lars}),
    "lamb": ("optimizer: {lamb: 0.02}", {"rule": lamb}),
    "lamb with clipped norm": ("optimizer: {lamb: 0.02}\nclip: {norm: 0.3}",
                               {"rule": lamb, "clip": clip_norm}),
}
BATCHES = {"one batch": "{size: 60, lanes: 4}",
           "four batches": "{size: 16, lanes: 4, accumulate: 4}"}  # of 16, 16, 16 and 12 rows


class UpdateParity(WholeBatches):
    def setUp(self):
        super().setUp()
        self.weights = self.some_weights((HIDDEN, INPUTS), (HIDDEN,), (CLASSES, HIDDEN), (CLASSES,))

    def lockstep(self, lines, first, batch, strategy, ranks):
        w = [values(a) for a in self.weights]
        found = self.train(
            f"model:\n  - dense: {{units: {HIDDEN}, init: {w[0]}, bias_init: {w[1]}{first}}}\n"
            f"  - tanh\n  - dense: {{units: {CLASSES}, init: {w[2]}, bias_init: {w[3]}}}\n"
            f"batch: {batch}\nparallel: {{strategy: {strategy}}}\n{lines}", UPDATES, ranks)
        return [found[name] for name in
                ("0_dense/weight", "0_dense/bias", "2_dense/weight", "2_dense/bias")]

    def pytorch(self, penalty=None, clip=None, rule=sgd, scales=(1, 1, 1, 1), first="",
                frozen=False):
        torch = self.torch
        p = [torch.tensor(w, requires_grad=True) for w in self.weights]
        x, y, state = torch.tensor(self.x), torch.tensor(self.y), {}
        for _ in range(UPDATES):
            for w in p:
                w.grad = None
            z = torch.tanh(x @ p[0].T + p[1]) @ p[2].T + p[3]
            (torch.nn.functional.cross_entropy(z, y) + penalised(torch, p, **(penalty or {}))
             ).backward()
            if clip:
                clip(torch, p[2:] if frozen else p)
            with torch.no_grad():
                rule(torch, p, state, **({"scales": scales} if rule is sgd else {}))
        return [w.detach().numpy() for w in p]

    def test_updates(self):
        plain = self.pytorch()
        for name, (lines, about) in CASES.items():
            wanted = self.pytorch(**about)
            if name != "plain":
                moved = max(np.linalg.norm(a - b) / np.linalg.norm(b)
                            for a, b in zip(wanted, plain))
                self.assertGreater(moved, 1e-3, name)
            for batch, about_batch in BATCHES.items():
                for strategy, ranks in (("data", 1), ("data", 3), ("features", 2)):
                    got = self.lockstep(lines, about.get("first", ""), about_batch, strategy, ranks)
                    for i, (a, b) in enumerate(zip(got, wanted)):
                        self.assert_close(a, b, 1e-5, f"{name}, {batch}, {strategy}, {ranks} ranks, "
                                                      f"tensor {i}")


if __name__ == "__main__":
    lockstep_test.main()
