"""The planner's working state, shared by the modules that emit loops, storage and control flow.

It owns provisional names and allocations; it decides nothing about order or fusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node, Notes, toposort
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.access import Point
from codegen_ad.plan.element import Elements
from codegen_ad.plan.kernel import Allocate, Fill, Statement
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.scope import Scope
from codegen_ad.plan.units import Marks, Walker
from codegen_ad.plan.writing.written import Writes


@dataclass(slots=True)
class Region:
    """What is known of the nodes of the region being planned."""

    position: dict[Node, int]
    users: dict[Node, list[Node]]
    outputs: tuple[Node, ...]
    writes: dict[Node, Writes | None] = field(default_factory=dict[Node, Writes | None])

    @staticmethod
    def of(outputs: Sequence[Node]) -> Region:
        """Positions in program order, users of each node, and the outputs, which must survive."""
        nodes = toposort(outputs)
        users: dict[Node, list[Node]] = {n: [] for n in nodes}
        for node in nodes:
            for arg in dict.fromkeys(node.needs):
                users[arg].append(node)
        return Region({n: i for i, n in enumerate(nodes)}, users, tuple(outputs))

    def is_last_use(self, node: Node, user: Node) -> bool:
        """Whether `user` is the only one that reads `node`."""
        return self.users[node] == [user] and node not in self.outputs


@dataclass(frozen=True, slots=True)
class Sum:
    """A variable that a branch or a loop adds to; `before` is the value that it adds to."""

    before: Node
    variable: str


@dataclass(frozen=True, slots=True)
class Row:
    """A place for one value among others of its kind: in `buffer`, behind the indices `at`."""

    buffer: str
    at: Point = ()


@dataclass(slots=True)
class Planner:
    """State of one attempt at planning; `sizes` are the symbols that the arguments' shapes tell.

    `rows_of_data` are the symbols of those that count rows of data.

    `learnt` are the nodes that need memory in any attempt; `marks` has those of this one, too.
    `swept` says whether updates of shifted parts may be one sweep.

    `sums` are results that are added to a variable of the region around, `totals` arrays as the
    bodies of loops take them that only add to them. `rows` are results of loops inside of loops,
    stacks that are written to where they are kept, one row of a stack of the loop around.
    """

    notes: Notes
    marks: Marks
    ranks: dict[Dim, int]
    rows_of_data: frozenset[str]
    blas: bool
    root: Scope
    sizes: frozenset[str]
    learnt: set[Node]
    swept: bool = True
    names: Names = field(default_factory=Names)
    prologue: list[Statement] = field(default_factory=list[Statement])
    regions: dict[Scope, Region] = field(default_factory=dict[Scope, Region])
    totals: set[Node] = field(default_factory=set[Node])
    sums: dict[Node, Sum] = field(default_factory=dict[Node, Sum])
    rows: dict[tuple[Node, int], Row] = field(default_factory=dict[tuple[Node, int], Row])

    elements: Elements = field(init=False)
    walker: Walker = field(init=False)

    def __post_init__(self) -> None:
        self.elements = Elements(self.notes, self.names)
        self.walker = Walker(self.elements, self.marks, self.ranks, self.rows_of_data, self.blas)

    def learn(self, scope: Scope, node: Node) -> bool:
        """Note that a node needs memory, if nothing that has been planned so far may depend on it.

        So it must be new, and belong to the region of `scope` alone.
        """
        shared = any(node in r.position for s, r in self.regions.items() if s is not scope)
        if shared or node in self.marks.full or node not in self.regions[scope].position:
            return False
        self.marks.full.add(node)
        self.learnt.add(node)
        return True

    def region(self, scope: Scope) -> Region:
        """The region that a scope belongs to."""
        return self.regions[scope.region()]

    def allocate(
        self, scope: Scope, node: Node, shape: Shape, dtype: DType, fill: float | None = None
    ) -> str:
        """A new buffer for (a part of) `node`, made as far out as its size is known.

        Inside loops the memory is allocated once and filled each time.
        """
        name = self.names.fresh(node)
        note = self.elements.note(node)
        if scope is self.root:
            scope.statements.append(Allocate(name, shape, dtype, fill, note))
            return name
        target = self._statements_for(scope, shape)
        target.append(Allocate(name, shape, dtype, None, note))
        if fill is not None:
            scope.statements.append(Fill(name, fill, note))
        return name

    def _statements_for(self, scope: Scope, shape: Shape) -> list[Statement]:
        names = {name for dim in shape for name in dim.symbols()}
        for candidate in scope.all_outward():
            if candidate is not self.root and names & candidate.symbols:
                return candidate.statements
        late = names & self.root.symbols
        return self.root.statements if late else self.prologue
