"""The cheapest way to cut a network in two: a maximum flow, and the cut that it leaves.

E. A. Dinic, "Algorithm for solution of a problem of maximum flow in networks with power
estimation", Soviet Math. Doklady 11 (1970) 1277-1280; that the flow is as large as the cut is Ford
and Fulkerson's theorem (1956). Capacities are integers, so that both are exact.
"""

from __future__ import annotations

from collections import deque

UNLIMITED = 1 << 80
"""A capacity that no cut pays."""


class Network:
    """Places, numbered from 0, and arcs with capacities between them."""

    def __init__(self) -> None:
        self._arcs: list[list[int]] = []  # of each place, the numbers of the arcs that leave it
        self._heads: list[int] = []
        self._left: list[int] = []  # what each arc can still carry; arc `k ^ 1` is `k` backwards

    def place(self) -> int:
        """A new place."""
        self._arcs.append([])
        return len(self._arcs) - 1

    def arc(self, tail: int, head: int, capacity: int) -> None:
        """Join two places, one way."""
        for place, other, left in ((tail, head, capacity), (head, tail, 0)):
            self._arcs[place].append(len(self._heads))
            self._heads.append(other)
            self._left.append(left)

    def cut(self, source: int, sink: int) -> tuple[int, set[int]]:
        """The least capacity that parts the two, and the places on the sink's side.

        Of several cuts that are as cheap, the one nearest to the sink. Afterwards the arcs have
        what the flow left of them.
        """
        total = 0
        while True:
            levels = self._levels(source)
            if levels[sink] < 0:
                return total, self._before(sink)
            at = [0] * len(self._arcs)
            while amount := self._push(source, sink, levels, at):
                total += amount

    def _levels(self, source: int) -> list[int]:
        """How many arcs each place is from the source; -1 if nothing more can get there."""
        levels = [-1] * len(self._arcs)
        levels[source] = 0
        queue = deque((source,))
        while queue:
            place = queue.popleft()
            for arc in self._arcs[place]:
                head = self._heads[arc]
                if self._left[arc] and levels[head] < 0:
                    levels[head] = levels[place] + 1
                    queue.append(head)
        return levels

    def _push(self, source: int, sink: int, levels: list[int], at: list[int]) -> int:
        """Send what one shortest path can carry; `at` counts the arcs of a place that are full."""
        path: list[int] = []
        place = source
        while place != sink:
            arc = self._open(place, levels, at)
            if arc is not None:
                path.append(arc)
                place = self._heads[arc]
                continue
            if not path:
                return 0
            place = self._heads[path.pop() ^ 1]
            at[place] += 1
        amount = min(self._left[arc] for arc in path)
        for arc in path:
            self._left[arc] -= amount
            self._left[arc ^ 1] += amount
        return amount

    def _open(self, place: int, levels: list[int], at: list[int]) -> int | None:
        """The next arc that leads on to the sink and is not full."""
        arcs = self._arcs[place]
        while at[place] < len(arcs):
            arc = arcs[at[place]]
            if self._left[arc] and levels[self._heads[arc]] == levels[place] + 1:
                return arc
            at[place] += 1
        return None

    def _before(self, sink: int) -> set[int]:
        """The places from which more could still get to the sink."""
        found, stack = {sink}, [sink]
        while stack:
            for arc in self._arcs[stack.pop()]:
                tail = self._heads[arc]
                if self._left[arc ^ 1] and tail not in found:
                    found.add(tail)
                    stack.append(tail)
        return found
