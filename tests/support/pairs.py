"""Rows of choices in which every pair of values of two factors occurs: all-pairs testing.

A greedy generator (after AETG: D. Cohen et al., IEEE Trans. Software Eng. 23(7), 1997): a row begins
with a pair that is still open; of some ways to fill in the rest, the one that closes most pairs is
taken. It draws from a seed of its own, so that the rows are the same at every run. What it gives is
checked by open_pairs(), which knows nothing of how it came about.
"""
import random
from itertools import combinations, product

WAYS = 60


def pair(a, b):
    """Two (factor, value), in an order of their own."""
    return tuple(sorted((a, b)))


def pairs_of(row):
    return {pair(a, b) for a, b in combinations(row.items(), 2)}


def all_pairs(factors):
    """factors: {name: values}, all of them texts."""
    return {pair((f, v), (g, w)) for f, g in combinations(factors, 2)
            for v, w in product(factors[f], factors[g])}


def open_pairs(wanted, rows):
    """The wanted pairs that occur in no row."""
    return wanted - set().union(*map(pairs_of, rows))


def _fill(factors, wanted, impossible, row, draw):
    """Completes a row in place, a factor after the other in a drawn order; tells how many wanted pairs
    it holds, or None where no value is left for a factor."""
    gained = 1
    for name in draw.sample([f for f in factors if f not in row], len(factors) - len(row)):
        best = None
        for value in draw.sample(factors[name], len(factors[name])):
            new = {pair((name, value), other) for other in row.items()}
            if not new & impossible and (best is None or len(new & wanted) > best[0]):
                best = len(new & wanted), value
        if best is None:
            return None
        gained += best[0]
        row[name] = best[1]
    return gained


def generate(factors, wanted, impossible):
    """Rows {factor: value} that together hold all wanted pairs and none of the impossible ones."""
    empty = [name for name, values in factors.items() if not values]
    if empty:
        raise ValueError(f"nothing to choose from: {', '.join(empty)}")
    draw = random.Random(1)
    rows, wanted = [], set(wanted)
    while wanted:
        # Most open pairs belong to the longest factors: begin with one of these.
        begin = max(sorted(wanted), key=lambda p: sum(len(factors[name]) for name, _ in p))
        ways = []
        for _ in range(WAYS):
            row = dict(begin)
            gained = _fill(factors, wanted, impossible, row, draw)
            if gained is not None:
                ways.append((gained, row))
        if not ways:
            raise ValueError(f"no row can hold {begin}: is it impossible, too?")
        best = max(ways, key=lambda way: way[0])[1]
        rows.append({name: best[name] for name in factors})
        wanted -= pairs_of(best)
    return rows
