"""Random programs as source text: arrays, views, stores, loops and branches, all of bounded size.

Every choice goes through `choose`: hypothesis can shrink a program and a seed can repeat it.
A program is a function of `x, y f8[n]`, `A f8[n, 3]`, `w f8[3]`, `s f8` and the integers `p[n]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.property import forms, results, statements

T = TypeVar("T")
Choose = Callable[[Sequence[T]], T]

PARAMETERS = "x, y, A, w, s, p"
UNARY = (
    "np.tanh({})",
    "np.sin({})",
    "np.cos({})",
    "-{}",
    "0.5 * {}",
    "np.exp(-({}) ** 2)",
    "({}) ** 2",
)
BINARY = ("{} + {}", "{} - {}", "{} * {}", "np.maximum({}, {})", "np.where({} > 0.1, {}, 0.3)")
AUGMENTED = ("=", "+=", "-=", "*=")
CUTS = {  # the ways to take so many elements fewer off a vector
    "n": ("", "[::-1]"),
    "n-1": ("[1:]", "[:-1]", "[:0:-1]"),
    "n-2": ("[2:]", "[1:-1]", "[:-2]"),
}
VECTORS = tuple(CUTS)


class Writer:
    """Writes one program; `names` holds the variables of each kind that may be read.

    A `wide` one also takes its expressions and statements from `forms.py` and `statements.py`.
    """

    def __init__(self, choose: Choose, *, wide: bool = False, vector: bool = False) -> None:
        self.choose = choose
        self.wide = wide
        self.vector = vector
        self.lines: list[str] = []
        self.names: dict[str, list[str]] = {
            "n": ["x", "y"], "n-1": [], "n-2": [], "table": ["A"], "row": ["w"], "s": ["s"],
        }  # fmt: skip
        self.count = 0
        self.indices: list[str] = []
        self.jumps = False
        self.result = choose(results.RESULTS) if vector else "{all}"

    def program(self, statements: int) -> str:
        """The text of a function `f`."""
        self.assign("n", 1)
        for _ in range(statements):
            self.statement(1, 2)
        parts = [f"np.sum(np.sin({name}))" for kind in self.names for name in self.names[kind]]
        total = " + ".join(parts)
        self.line(f"return {results.result(self, total, last=True) if self.vector else total}", 1)
        before = [forms.HELPERS] if self.wide else []
        return "\n".join([*before, f"def f({PARAMETERS}):", *self.lines]) + "\n"

    def line(self, text: str, depth: int) -> None:
        self.lines.append("    " * depth + text)

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    # Expressions ----------------------------------------------------------------------------------

    def expr(self, kind: str, depth: int = 2) -> str:
        """An expression of a kind: s, n, n-1, n-2, table or row."""
        options = ("leaf", "unary", "binary", "special", *(["form"] * 2 if self.wide else []))
        form = self.choose(options) if depth else "leaf"
        if form == "form" and kind in forms.EXPRESSIONS:
            return self.filled(self.choose(forms.EXPRESSIONS[kind]), depth)
        if form == "leaf":
            return self.leaf(kind)
        if form == "unary":
            return f"{self.choose(UNARY)}".format(self.atom(kind, depth))
        if form == "binary":
            return self.choose(BINARY).format(self.atom(kind, depth), self.beside(kind, depth))
        return self.special(kind, depth)

    def atom(self, kind: str, depth: int) -> str:
        return f"({self.expr(kind, depth - 1)})"

    def beside(self, kind: str, depth: int) -> str:
        """An operand that broadcasts against a kind."""
        others = {"table": ("table", "row", "s", "column")}.get(kind, (kind, kind, "s"))
        other = self.choose(others)
        return (
            f"({self.expr('n', depth - 1)})[:, None]"
            if other == "column"
            else self.atom(other, depth)
        )

    def leaf(self, kind: str) -> str:
        if kind in CUTS:
            of_n = [f"{name}{cut}" for name in self.names["n"] for cut in CUTS[kind]]
            columns = [f"{t}[:, {c}]{CUTS[kind][0]}" for t in self.names["table"] for c in (0, 2)]
            return self.choose((*self.names[kind], *of_n, *columns))
        if kind == "s":
            elements = [
                f"{name}[{i}]" for name in self.names["n"] for i in ("0", "-1", *self.indices)
            ]
            return self.choose((*self.names["s"], "0.7", "w[1]", *elements))
        if kind == "table":
            return self.choose((*self.names["table"], *(f"{t}[::-1]" for t in self.names["table"])))
        rows = [f"{t}[{i}]" for t in self.names["table"] for i in ("1", *self.indices)]
        return self.choose((*self.names[kind], *rows))

    def special(self, kind: str, depth: int) -> str:
        match kind:
            case "s":
                text = self.choose((
                    "np.sum({})", "np.mean({})", "({}).max()", "np.dot({}, {})",
                    "np.linalg.norm({})", "np.sum({}[p])",
                ))  # fmt: skip
                given = [self.atom("n", depth) for _ in range(text.count("{}"))]
                return text.format(*given)
            case "n":
                text = self.choose((
                    "np.cumsum({n})", "np.roll({n}, 1)", "{t} @ {r}", "{t}.sum(axis=1)", "{n}[p]",
                    "np.concatenate([{n}[1:], {n}[:1]])", "{t}.max(axis=1)", "{t}[:, ::-1][:, 0]",
                    "np.flip({n})", "np.append({k}, {s})",
                ))  # fmt: skip
                return self.filled(text, depth)
            case "table":
                return self.filled(self.choose((
                    "np.outer({n}, {r})", "{n}[:, None] * {r}", "{t}[p]", "{t}[::-1]",
                    "np.cumsum({t}, axis=0)", "np.stack([{n}, {n}, {n}], axis=1)", "{t}[:, ::-1]",
                )), depth)  # fmt: skip
            case "row":
                return self.filled(
                    self.choose(("{t}.mean(axis=0)", "{n} @ {t}", "{t}.max(axis=0)", "{r}[::-1]")),
                    depth,
                )
            case _:
                return f"np.diff({self.atom('n', depth)})" if kind == "n-1" else self.leaf(kind)

    def filled(self, text: str, depth: int) -> str:
        kinds = {"n": "n", "t": "table", "r": "row", "k": "n-1", "s": "s"}
        for letter, kind in kinds.items():
            while "{" + letter + "}" in text:
                text = text.replace("{" + letter + "}", self.atom(kind, depth), 1)
        return text.replace("{v}", self.fresh()) if "{v}" in text else text

    # Statements -----------------------------------------------------------------------------------

    def statement(self, depth: int, room: int) -> None:
        """One statement; `room` is how deep blocks may nest."""
        kinds = ["assign", "assign", "rebind", "view", "store", "store", "element"]
        if room:
            kinds += ["for", "for", "if", "while"]
        if self.jumps:
            kinds.append("jump")
        if self.wide:
            kinds += [*statements.PLAIN, "picked", "views", *(statements.BLOCKS if room else ())]
        kind = self.choose(kinds)
        if write := statements.PLAIN.get(kind) or statements.BLOCKS.get(kind):
            write(self, depth, room)
            return
        match kind:
            case "assign":
                self.assign(self.choose(("n", "s", "table", "row")), depth)
            case "rebind":
                self.rebind(depth)
            case "view":
                self.view(depth)
            case "store":
                self.store(depth)
            case "element":
                self.element(depth)
            case "for":
                self.loop(depth, room)
            case "while":
                self.while_(depth, room)
            case "if":
                self.branch(depth, room)
            case _:
                self.line(f"if {self.expr('s', 1)} > {self.choose(('0.2', '3.0'))}:", depth)
                self.line(self.choose(("break", "continue")), depth + 1)

    def assign(self, kind: str, depth: int) -> None:
        text = self.expr(kind)
        name = self.fresh()
        # A copy, so that what is stored to is an array of its own; views are made by `view`.
        self.line(f"{name} = np.sin({text})", depth)
        self.names[kind].append(name)

    def rebind(self, depth: int) -> None:
        kind = self.choose(("n", "s"))
        name = self.choose(self.local(kind) or self.names[kind])
        self.line(f"{name} = np.sin({self.expr(kind)})", depth)

    def local(self, kind: str) -> list[str]:
        return [name for name in self.names[kind] if name.startswith("v")]

    def view(self, depth: int) -> None:
        owner = self.choose(self.local("n") or ["x"])
        kind = self.choose(VECTORS)
        text = f"{owner}{self.choose(CUTS[kind])}"
        tables = self.local("table")
        if kind == "n" and tables:
            text = self.choose((text, f"{tables[-1]}[:, 1]", f"{owner}.reshape(-1, 1)[:, 0]"))
        name = self.fresh()
        self.line(f"{name} = {text}", depth)
        self.names[kind].append(name)

    def store(self, depth: int) -> None:
        kind = self.choose((*VECTORS, "table", "column", "places"))
        sign = self.choose(AUGMENTED)
        if kind == "table":
            target, value = f"{self.choose(self.local('table') or ['A'])}[...]", "table"
        elif kind == "column":
            target, value = f"{self.choose(self.local('table') or ['A'])}[1:, 0]", "n-1"
        elif kind == "places":
            target, value = f"{self.choose(self.local('n') or ['x'])}[p]", "n"
        else:
            owned = [f"{name}{cut or '[:]'}" for name in self.local("n") for cut in CUTS[kind]]
            target = self.choose((*(f"{n}[:]" for n in self.names[kind]), *owned) or ("x[:]",))
            value = kind
            if "[:][" in target:
                target = target.replace("[:]", "", 1)
        self.line(f"{target} {sign} {self.bounded(value)}", depth)

    def element(self, depth: int) -> None:
        name = self.choose(self.local("n") or ["x"])
        place = self.choose(("0", "-1", "2", *self.indices))
        self.line(f"{name}[{place}] {self.choose(AUGMENTED)} {self.bounded('s')}", depth)

    def bounded(self, kind: str) -> str:
        return f"np.sin({self.expr(kind)})"

    def block(self, depth: int, room: int) -> None:
        """Statements in a block; what they introduce is not seen behind it."""
        before = {kind: list(names) for kind, names in self.names.items()}
        for _ in range(self.choose((1, 2, 3))):
            self.statement(depth, room - 1)
        self.names = before

    def loop(self, depth: int, room: int) -> None:
        index = f"i{self.count}"
        self.count += 1
        self.line(
            f"for {index} in range({self.choose(('3', 'len(x)', 'len(p) - 1', '0'))}):", depth
        )
        outer, self.jumps = self.jumps, True
        if len(self.indices) < 2 and "0" not in self.lines[-1].split("range(")[1]:
            self.indices.append(f"{index} % 3")
            self.block(depth + 1, room)
            self.indices.pop()
        else:
            self.block(depth + 1, room)
        self.jumps = outer

    def while_(self, depth: int, room: int) -> None:
        counter = f"k{self.count}"
        self.count += 1
        self.line(f"{counter} = 0", depth)
        condition = self.choose(("", f" and {self.leaf('s')} < 0.6"))
        self.line(f"while {counter} < 3{condition}:", depth)
        self.line(f"{counter} += 1", depth + 1)
        outer, self.jumps = self.jumps, True
        self.block(depth + 1, room)
        self.jumps = outer

    def branch(self, depth: int, room: int) -> None:
        self.line(f"if {self.expr('s', 1)} > {self.choose(('0.0', '0.5', '-1.0'))}:", depth)
        self.block(depth + 1, room)
        if self.choose((True, False)):
            self.line("else:", depth)
            self.block(depth + 1, room)
