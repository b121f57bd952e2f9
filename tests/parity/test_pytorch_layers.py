"""The same weights and running statistics as PyTorch's, with batch normalisation at one lane,
residual blocks, both, and layers that share weights.

# timeout: 300
# processors: 2

The tolerance of 2e-5 (norm of the difference by the norm, a tensor): see test_pytorch.py; batch
normalisation divides by deviations that are themselves rounded sums.
"""
import lockstep_test
from whole_batches import CLASSES, INPUTS, WholeBatches, values

HIDDEN, STEPS = 24, 15


class LayerParity(WholeBatches):
    def setUp(self):
        super().setUp()
        self.weights = self.some_weights((HIDDEN, INPUTS), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,),
                                         (CLASSES, HIDDEN), (CLASSES,))

    def dense(self, i, indent="  "):
        w, b = self.weights[2 * i:2 * i + 2]
        return (f"{indent}- dense: {{units: {len(b)}, init: {values(w)}, "
                f"bias_init: {values(b)}}}\n")

    def pytorch(self, make):
        """make(dense layers, torch) -> the network and {lockstep's name: tensor}."""
        torch = self.torch
        layers = []
        for w, b in zip(self.weights[::2], self.weights[1::2]):
            layer = torch.nn.Linear(w.shape[1], w.shape[0])
            layer.weight.data, layer.bias.data = torch.tensor(w), torch.tensor(b)
            layers.append(layer)
        network, tensors, parameters = make(layers, torch)
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        rule = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
        for _ in range(STEPS):
            rule.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            rule.step()
        return {name: t.detach().numpy() for name, t in tensors.items()}

    def compare(self, model, make, lanes, ranks):
        wanted = self.pytorch(make)
        for n in ranks:
            got = self.train(f"model:\n{model}optimizer: {{sgd: {{lr: 0.1, momentum: 0.9}}}}\n"
                             f"batch: {{size: 60, lanes: {lanes}}}", STEPS, n)
            self.assertEqual(sorted(got), sorted(wanted))
            for name, array in wanted.items():
                self.assert_close(got[name], array, 2e-5, f"{name}, {n} ranks")

    @staticmethod
    def linear_names(layers, names):
        return {f"{name}/{what}": getattr(layer, what)
                for layer, name in zip(layers, names) for what in ("weight", "bias")}

    @staticmethod
    def norm_names(norm, name):
        return {f"{name}/weight": norm.weight, f"{name}/bias": norm.bias,
                f"{name}/running_mean": norm.running_mean,
                f"{name}/running_variance": norm.running_var}

    def test_residual(self):
        def make(layers, torch):
            a, b, c = layers

            def network(x):
                h = torch.tanh(a(x))
                return c(h + torch.tanh(b(h)))

            names = ("0_dense", "2_residual_0_dense", "3_dense")
            return network, self.linear_names(layers, names), [
                p for layer in layers for p in layer.parameters()]

        model = (self.dense(0) + "  - tanh\n  - residual:\n      layers:\n"
                 + self.dense(1, "      ") + "      - tanh\n" + self.dense(2))
        self.compare(model, make, 4, (1, 3))

    def test_residual_in_residual(self):
        def make(layers, torch):
            a, b, c = layers

            def network(x):
                h = torch.tanh(a(x))
                inner = b(h)
                inner = inner + torch.sigmoid(inner)
                return c(h + inner)

            names = ("0_dense", "2_residual_0_dense", "3_dense")
            return network, self.linear_names(layers, names), [
                p for layer in layers for p in layer.parameters()]

        model = (self.dense(0) + "  - tanh\n  - residual:\n      layers:\n"
                 + self.dense(1, "      ") + "      - residual: {layers: [sigmoid]}\n"
                 + self.dense(2))
        self.compare(model, make, 4, (1, 2))

    def test_tied(self):
        """Wide enough for several tiles, in a block and around it, with and without biases of their
        own: by 1 rank tile by tile, by 2 and 3 from what they exchange. Small weights: with larger
        ones the loss jumps, and PyTorch's float32 leaves its own float64 by 1e-3."""
        units = (300, 40)
        weights = self.weights = [w / 4 for w in self.some_weights(
            (units[0], INPUTS), (units[0],), (units[1], units[0]), (units[1],), (CLASSES, INPUTS),
            (CLASSES,), (units[0],))]

        def make(layers, torch):
            (a, b, c), linear = layers, torch.nn.functional.linear
            own = torch.nn.Parameter(torch.tensor(weights[6]))

            def network(x):
                h = torch.tanh(a(x))
                h = h + linear(torch.tanh(b(h)), b.weight.T, own)
                return c(linear(h, a.weight.T))

            names = ("0_dense", "2_residual_0_dense", "4_dense")
            return (network, {**self.linear_names(layers, names), "2_residual_2_tied/bias": own},
                    [*(p for layer in layers for p in layer.parameters()), own])

        model = (self.dense(0) + "  - tanh\n  - residual:\n      layers:\n"
                 + self.dense(1, "      ") + "      - tanh\n"
                 + f"      - tied: {{to: 0, bias_init: {values(weights[6])}}}\n"
                 + "  - tied: {to: 0, bias: false}\n" + self.dense(2))
        self.compare(model, make, 4, (1, 2, 3))

    def test_tied_to_frozen(self):
        """The weights stay; what is before and behind them learns."""
        self.weights = self.some_weights((HIDDEN, INPUTS), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,),
                                         (CLASSES, HIDDEN), (CLASSES,))

        def make(frozen):
            def make_these(layers, torch):
                (a, b, c), own = layers, torch.nn.Parameter(torch.zeros(HIDDEN))

                def network(x):
                    h = torch.tanh(b(torch.tanh(a(x))))
                    return c(torch.nn.functional.linear(h, b.weight.T, own))

                names = ("0_dense", "2_dense", "5_dense")
                trained = [p for i, layer in enumerate(layers) if i not in frozen
                           for p in layer.parameters()]
                return (network, {**self.linear_names(layers, names), "4_tied/bias": own},
                        [*trained, own])
            return make_these

        def model(frozen):
            said = [self.dense(i).replace("}\n", ", frozen: true}\n") if i in frozen else
                    self.dense(i) for i in range(3)]
            return f"{said[0]}  - tanh\n{said[1]}  - tanh\n  - tied: 2\n{said[2]}"

        for frozen in ((1,), (0, 1), (0, 1, 2), (2,)):
            with self.subTest(frozen=frozen):
                self.compare(model(frozen), make(frozen), 4, (1, 2, 3))

    def test_batch_norm(self):
        def make(layers, torch):
            a, b, c = layers
            first, second = torch.nn.BatchNorm1d(HIDDEN), torch.nn.BatchNorm1d(HIDDEN, momentum=0.3)

            def network(x):
                h = torch.relu(first(a(x)))
                return c(h + second(b(h)))

            names = self.linear_names(layers, ("0_dense", "3_residual_0_dense", "4_dense"))
            names |= self.norm_names(first, "1_batch_norm")
            names |= self.norm_names(second, "3_residual_1_batch_norm")
            return network, names, [p for m in (a, b, c, first, second) for p in m.parameters()]

        model = (self.dense(0) + "  - batch_norm\n  - relu\n  - residual:\n      layers:\n"
                 + self.dense(1, "      ") + "      - batch_norm: {momentum: 0.3}\n" + self.dense(2))
        self.compare(model, make, 1, (1,))


if __name__ == "__main__":
    lockstep_test.main()
