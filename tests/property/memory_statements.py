"""Statements about memory: other dtypes, casts, masks in loops, shifted parts, names of one array.

float32 arrays hold what is not differentiated, so that no comparison has to be a loose one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.property.programs import Writer

LITERALS = (
    "np.array([1, 2, 0])", "np.array([True, False, True])", "np.zeros(3, dtype=int)",
    "np.ones(3, dtype=bool)", "np.array([1, 2, 3], dtype=np.int32)", "np.full(3, 2)",
    "({r} * 3.0).astype(int)", "{r} > 0.1", "np.array([int(p[0]), 1, len(x)])", "np.arange(3)",
    "np.array([{s} > 0.1, True, False])", "np.zeros_like(p)[:3]", "np.rint({r}).astype(np.int64)",
)  # fmt: skip
WRITES = (
    "{v}[{i}] = {s}", "{v}[1] += 1", "{v}[0] = int({s} * 3.0)", "{v}[2] = {s} > 0.1",
    "{v}[::2] = {v}[1]", "{v}[:] = {v}[::-1]", "{v}[{v} > 1] = 0", "{v}[p[0] % 3] = 2",
)  # fmt: skip
SINGLE = (
    "np.array([0.5, 1.5, 2.5], dtype=np.float32)", "(p[:3] * 0.3).astype(np.float32)",
    "np.zeros(3, np.float32)",
)  # fmt: skip
USES = (
    "np.sum({r} * {v})", "{r} @ {v}", "x[int(abs({v}[0])) % 3]", "float({v}.sum()) * {s}",
    "np.sum(np.where({v} > 0, {r}, 0.3))", "np.sum({v}.astype(float) * {r})",
    "({s} if {v}[1] else {r}[0])", "np.sum({v} / 2 + {r})", "{v}.max() * {s}",
    "np.sum({r} ** 2 * ({v} == 1))",
)  # fmt: skip


def other_dtype(w: Writer, depth: int, _: int) -> None:
    """An array of integers, booleans or float32 that is written to, and a number from it."""
    name, number = w.fresh(), w.fresh()
    single = w.choose((False, False, False, True))
    w.line(f"{name} = {w.filled(w.choose(SINGLE if single else LITERALS), 1)}", depth)
    for _ in range(w.choose((0, 1, 2))):
        text = f"{{v}}[1] = {w.choose(('2.0', '0.1'))}" if single else w.choose(WRITES)
        place = w.choose(("0", "-1", *(i for i in w.indices if "%" in i)))
        if w.choose((True, False, False)):
            w.line(f"if {w.expr('s', 1)} > 0.2:", depth)
            w.line(_named(w, text, name, place), depth + 1)
        else:
            w.line(_named(w, text, name, place), depth)
    w.line(f"{number} = np.sin({_named(w, w.choose(USES), name, '0')})", depth)
    w.names["s"].append(number)


def _named(w: Writer, text: str, name: str, place: str) -> str:
    return w.filled(text.replace("{v}", name).replace("{i}", place), 1)


def whole_number(w: Writer, depth: int, _: int) -> None:
    """An integer that the run makes of a number, as a place, a bound and a factor."""
    name, target = w.fresh(), w.choose(w.local("n") or ["x"])
    cast = w.choose(("int({})", "int(np.floor({}))", "round({})", "int(abs({}))"))
    w.line(f"{name} = {cast.format(w.bounded('s') + ' * 3.0')}", depth)
    w.line(
        w.choose((
            f"{target}[{name} % 3] *= {w.bounded('s')}", f"{target}[:abs({name})] += 0.5",
            f"{target}[0] = float({name}) * {w.bounded('s')}",
            f"{target}[{name} - 1 if {name} > 1 else 0] = {w.bounded('s')}",
            f"{target}[1:] *= {name} > 0",
        )),
        depth,
    )  # fmt: skip


def masked_loop(w: Writer, depth: int, _: int) -> None:
    """A mask that the run finds, before a loop that uses it and may find another."""
    name, mask = w.choose(w.local("n") or ["x"]), w.fresh()
    w.line(f"{mask} = {w.expr('n', 1)} > {w.choose(('0.1', '-0.3', '5.0'))}", depth)
    w.line(f"for {w.fresh()} in range({w.choose(('2', 'p[0]', '3'))}):", depth)
    w.line(
        w.choose((
            f"{name}[{mask}] = {name}[{mask}] * {w.bounded('s')}",
            f"{name}[{mask}] += np.sum(np.sin({name}[{mask}]))",
            f"{name}[{mask}] = np.sort({name}[{mask}])[::-1]",
            f"{name}[0] = np.sin(np.sum({name}[{mask}] ** 2))",
            f"{name}[~{mask}] -= 0.5 * {name}[~{mask}]",
        )),
        depth + 1,
    )  # fmt: skip
    if w.choose((True, False)):
        w.line(f"{mask} = {name} > {w.choose(('0.0', '0.4'))}", depth + 1)


def one_of_two(w: Writer, depth: int, _: int) -> None:
    """A name for one of two arrays, as data say, and what is done with it."""
    name, one, two = w.fresh(), w.choose(w.names["n"]), w.choose(w.names["n"])
    if w.choose((True, False)):
        w.line(f"{name} = {one} if {w.expr('s', 1)} > 0.1 else {two}", depth)
    else:
        w.line(f"{name} = {one}", depth)
        w.line(f"if {w.expr('s', 1)} > 0.1:", depth)
        w.line(f"{name} = {w.choose((two, f'{two}.copy()', f'np.sin({two})', f'{two}[::-1]'))}",
               depth + 1)  # fmt: skip
    if w.choose((True, False, False)):
        w.line(f"{name} = {name}.copy()", depth)
    if w.choose((True, False)):
        w.line(f"{name}[{w.choose(('0', '1:', '::-1'))}] *= {w.bounded('s')}", depth)
    w.names["n"].append(name)


def shifted_parts(w: Writer, depth: int, _: int) -> None:
    """Updates of overlapping parts of one array by others of its parts, in a loop or not."""
    kind = w.choose(("n", "n", "table"))
    name = w.choose(w.local(kind) or [{"n": "x", "table": "A"}[kind]])
    if w.choose((True, False)):
        w.line(f"for {w.fresh()} in range({w.choose(('2', 'len(x)'))}):", depth)
        depth += 1
    for _ in range(w.choose((1, 2, 3))):
        width = w.choose((1, 2))
        across = kind == "table" and w.choose((True, False))

        def part(width: int = width, across: bool = across) -> str:
            start = w.choose(tuple(range(width + 1)))
            stop = width - start
            cut = f"{start}:-{stop}" if stop else f"{start}:"
            return f"{name}[:, {cut}]" if across else f"{name}[{cut}]"

        w.line(
            w.choose((
                f"{part()} = np.sin({part()} * 0.5 + {part()} ** 2)",
                f"{part()} += 0.3 * ({part()} - {part()} * 2.0)",
                f"{part()} *= np.sin({part()})", f"{part()} -= 0.1 * {part()} * {part()}",
                f"{part()} = {part()}", f"{name}[0] = np.sin({name}[-1])",
            )),
            depth,
        )  # fmt: skip
