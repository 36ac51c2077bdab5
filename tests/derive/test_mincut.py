"""Minimum cuts against all ways to cut small networks in two."""

from itertools import combinations

import numpy as np

from codegen_ad.derive.mincut import UNLIMITED, Network

Arcs = list[tuple[int, int, int]]


def cheapest(places: int, arcs: Arcs) -> int:
    """The least capacity that parts place 0 from the last one, by trying all."""
    last = places - 1
    best: int | None = None
    for count in range(places - 1):
        for side in combinations(range(1, last), count):
            near = {0, *side}
            cost = sum(c for tail, head, c in arcs if tail in near and head not in near)
            best = cost if best is None else min(best, cost)
    assert best is not None
    return best


def network(places: int, arcs: Arcs) -> Network:
    made = Network()
    for _ in range(places):
        made.place()
    for arc in arcs:
        made.arc(*arc)
    return made


def test_cuts_are_the_cheapest() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        places = int(rng.integers(2, 8))
        arcs = [
            (int(tail), int(head), int(rng.choice([0, 1, 2, 3, 9, UNLIMITED])))
            for tail, head in rng.integers(0, places, (int(rng.integers(0, 18)), 2))
            if tail != head
        ]
        expected = cheapest(places, arcs)
        if expected >= UNLIMITED:
            continue
        cost, behind = network(places, arcs).cut(0, places - 1)
        assert cost == expected
        assert places - 1 in behind
        assert 0 not in behind
        assert cost == sum(c for tail, head, c in arcs if tail not in behind and head in behind)


def test_of_cuts_as_cheap_it_is_the_one_nearest_to_the_sink() -> None:
    chain = [(k, k + 1, 5) for k in range(6)]
    assert network(7, chain).cut(0, 6) == (5, {6})


def test_what_is_not_joined_costs_nothing() -> None:
    assert network(3, [(0, 1, 4)]).cut(0, 2) == (0, {2})


def test_long_networks_do_not_recurse() -> None:
    places = 5000
    chain = [(k, k + 1, 7 if k != 1234 else 3) for k in range(places - 1)]
    cost, behind = network(places, chain).cut(0, places - 1)
    assert (cost, len(behind)) == (3, places - 1235)
