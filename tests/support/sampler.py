"""The order in which training rows are used, written a second time from its description in
lockstep/data/sampler.h and lockstep/base/random.h.

Philox4x32-10: Salmon et al., SC11. Plain Python integers; for tests, so slow is well enough.
"""
MASK = 0xFFFFFFFF
DEAL, LANE_BLOCKS, LANE_ROWS, BALANCE = 3, 4, 5, 10  # purposes of draws


def philox(counter, key):
    """The four 32-bit draws of a counter of four words and a key of two."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & MASK, (p >> 32) ^ c[3] ^ k[1], p & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def below(seed, purpose, index, epoch, position, bound):
    """A number in [0, bound) from the first 64 bits drawn at {epoch, position}."""
    draw = philox((epoch, position, 0, 0), (seed, purpose << 24 | index))
    return ((draw[0] << 32 | draw[1]) * bound) >> 64


def permutation(seed, purpose, index, epoch, n):
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = below(seed, purpose, index, epoch, i, i + 1)
        order[i], order[j] = order[j], order[i]
    return order


class Sampler:
    """The lanes of n training rows: which blocks each has. labels: of a balanced one."""

    def __init__(self, n, batch, lanes, block_rows, window, seed, labels=None):
        self.per_lane, self.window, self.seed, self.labels = batch // lanes, window, seed, labels
        blocks = [range(b, min(b + block_rows, n)) for b in range(0, n, block_rows)]
        dealt = permutation(seed, DEAL, 0, 0, len(blocks))
        self.lanes = [[blocks[b] for b in sorted(dealt[lane::lanes])] for lane in range(lanes)]

    def lane_order(self, lane, epoch):
        blocks = self.lanes[lane]
        order = permutation(self.seed, LANE_BLOCKS, lane, epoch, len(blocks))
        waiting = [row for b in order for row in blocks[b]]
        window, rest, drawn = waiting[:self.window], waiting[self.window:], []
        while window:
            j = below(self.seed, LANE_ROWS, lane, epoch, len(drawn), len(window))
            drawn.append(window[j])
            if rest:
                window[j] = rest.pop(0)
            else:
                window[j] = window[-1]
                window.pop()
        return drawn

    def lane_draws(self, lane, epoch):
        rows = [row for block in self.lanes[lane] for row in block]
        classes = sorted({self.labels[row] for row in rows})
        groups = [[row for row in rows if self.labels[row] == c] for c in classes]
        drawn = []
        for k in range(len(rows)):
            a, b, c, d = philox((epoch, k, 0, 0), (self.seed, BALANCE << 24 | lane))
            group = groups[((a << 32 | b) * len(groups)) >> 64]
            drawn.append(group[((c << 32 | d) * len(group)) >> 64])
        return drawn

    def epoch(self, epoch):
        """The rows of every step of an epoch, lane after lane."""
        order = self.lane_order if self.labels is None else self.lane_draws
        orders = [order(lane, epoch) for lane in range(len(self.lanes))]
        steps = max(-(-len(o) // self.per_lane) for o in orders)
        cut = [slice(s * self.per_lane, (s + 1) * self.per_lane) for s in range(steps)]
        return [[row for o in orders for row in o[c]] for c in cut]
