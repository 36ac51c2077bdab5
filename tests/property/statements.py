"""Statements of random programs beyond assignments and stores of vectors.

Each one writes lines by the program's writer and says which names it leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.property import memory_statements, results
from tests.property.language_statements import LANGUAGE

if TYPE_CHECKING:
    from tests.property.programs import Writer

Statement = Callable[["Writer", int, int], None]
VIEWS = (
    "{}[::-1][1:-1]", "{}[:2][::-1]", "{}[::2][1:]", "{}.reshape(-1, 1)[::-1, 0]", "{}[1:].T",
    "{}[None, :].T[1:, 0]", "{}[-2:0:-1]", "{}[-2:]", "{}[1:3]", "np.flip({})[:-1]", "np.ravel({})",
    "{}[int(p[0]):]", "{}[:p[1]]", "{}[p[0]:p[2]]", "{}[::-1][:p[0]]", "np.atleast_2d({})[0, ::2]",
)  # fmt: skip
TABLE_VIEWS = (
    "{}.T[0]", "{}.reshape(-1)[::2]", "{}.T[::-1][:, 1:]", "{}.T.reshape(-1)", "{}[1]", "{}[:, 1:]",
    "{}[::2, ::-1]", "{}.reshape(3, -1)", "{}[p[0]]", "{}[:, :1]", "np.swapaxes({}, 0, 1)[1]",
    "{}[int(p[0]):, 1]", "{}[-1][1:]",
)  # fmt: skip
PICKED = (
    "{0}[{0} > {1}] {2} {1}", "{0}[{0} > {1}] = {3}[{0} > {1}]", "{0}[p[0]:] {2} {1}",
    "{0}[:p[1]] {2} {3}[:p[1]]", "{0}[p] {2} {3}", "{0}[p[:2]] {2} {3}[:2]",
    "np.add.at({0}, p, {3})",
    "{0}[p[0]] {2} {1}", "{0}[-1 - p[0]] {2} {1}", "{0}[::2] {2} {1}", "{0}[::-2] {2} {1}",
    "{0}[np.argsort({3}, kind='stable')] {2} {3}", "np.putmask({0}, {0} > 0.2, {3})",
    "np.copyto({0}, {3}, where={3} > 0)",
    "{0}[...] {2} {3}[::-1]", "{0}[1:] {2} {0}[:-1]", "{0}[:] = {0}[::-1]",
    "{0}[p[0]:p[0] + 2] {2} {1}",
    "{0}[0], {0}[-1] = {0}[-1], {0}[1]", "{0}.sort()", "{0}.fill({1})", "np.sin({3}, out={0})",
    "{0} {2} {3}", "{0}[{3} > 0.3] {2} {1}", "{0}[np.array([0, -1])] {2} {3}[:2]",
    "{0}.flat[1] = {1}", "{0}[2::2] = {0}[:-2:2]", "{0}[::-1][::2] {2} {1}",
    "{0}[len(x) - 2::-2] {2} {1}", "{0}[:len(x) // 2] {2} {0}[::-1][:len(x) // 2]",
    "{0}[:len(x) // 2] {2} {0}[len(x) // 2:2 * (len(x) // 2)]", "np.subtract.at({0}, p % 3, {3})",
    "{0}[p > 2] {2} {1}", "{0}[np.flatnonzero({3} > 0)] {2} {1}",
    "{0}[{3} > 0.1] = {3}[{3} > 0.1][::-1]", "np.add({0}[1:], {0}[:-1], out={0}[1:])",
    "np.multiply({0}, {3}[::-1], out={0})", "{0}[1:], {0}[:-1] = {0}[:-1].copy(), {0}[1:].copy()",
    "{0}[::3] {2} {1}", "{0}[p % 2 == 0] {2} {1}", "{0}[[0, 0, 1]] {2} {3}[:3]",
)  # fmt: skip
TABLE_PICKED = (
    "{0}[p[0]] {2} {1}", "{0}[:, 1] {2} {3}", "{0}[{0} > 0.3] {2} {1}", "{0}[{3} > 0.1] {2} {1}",
    "{0}[p, 1] {2} {3}", "{0}[p, p % 3] {2} {1}", "{0}[:, [0, 2]] {2} {1}", "{0}.T[0] {2} {3}",
    "{0}[p[0], 1:] {2} {1}", "np.add.at({0}, (p, 1), {3})", "{0}[::-1, 0] {2} {3}",
    "{0} {2} {3}[:, None]",
    "{0}[{3} > 0.1, 1] = {3}[{3} > 0.1]", "{0}.T[...] {2} {3}", "{0}[1:] {2} {0}[:-1]",
    "{0}[1::2] {2} {1}", "{0}[:, ::2] {2} {1}", "{0}[:, 1:] {2} {0}[:, :-1]",
    "{0}[...] = {0}[::-1, ::-1]", "{0}[::-1][1:] = {0}[1:]",
    "np.add.at({0}, p, {3}[:, None])",
    "{0}[[0, 0], [1, 1]] {2} {1}", "{0}[{0}[:, 1] > 0.1, ::2] {2} {1}",
    "np.fill_diagonal({0}, {1})", "{0}[{3} > 0.1] {2} {0}[{3} > 0.1] * {1}", "{0}.sort(axis=0)",
)  # fmt: skip
HEADS = (
    "for {i} in range(len(x) - 1, -1, -1):", "for {i} in range(1, len(x), 2):", "for {i} in p:",
    "for {i} in range(int(p[0])):", "for {i} in range(p[0], p[1]):", "for {i} in (0, 2, 1):",
)  # fmt: skip
OVER = (
    "for {v} in {n}:", "for {i}, {v} in enumerate({n}):", "for {v}, {v}w in zip({n}, {n}[1:]):",
    "for {v} in {n}[::-1]:", "for {v} in {n}[p[0]:]:", "for {v} in {n}[{n} > 0.1]:",
)  # fmt: skip


def _target(w: Writer, kind: str) -> str:
    return w.choose(w.local(kind) or [{"n": "x", "table": "A"}[kind]])


def picked_store(w: Writer, depth: int, _: int) -> None:
    """A store by places, masks, slices that the run knows, or a function."""
    sign, value = w.choose(("=", "+=", "-=", "*=")), w.bounded("s")
    kind = w.choose(("n", "n", "table"))
    form = w.choose(PICKED if kind == "n" else TABLE_PICKED)
    w.line(form.format(_target(w, kind), value, sign, w.choose(w.names["n"])), depth)


def view_of_view(w: Writer, depth: int, _: int) -> None:
    """A view of another shape, written through."""
    kind = w.choose(("n", "table"))
    text = w.choose(VIEWS if kind == "n" else TABLE_VIEWS).format(_target(w, kind))
    name = w.fresh()
    w.line(f"{name} = {text}", depth)
    target = w.choose((f"{name}[...]", f"{name}[:1]", f"{name}[::-1]", f"{name}.T[...]"))
    w.line(f"{target} {w.choose(('=', '+=', '*='))} {w.bounded('s')}", depth)
    if w.choose((True, False)):
        w.line(f"{w.choose(w.names['n'])}[0] = np.sum(np.sin({name}))", depth)


def helper(w: Writer, depth: int, _: int) -> None:
    """A call of a function that writes into its argument."""
    owner = _target(w, "n")
    view = w.choose((owner, f"{owner}[1:]", f"{owner}[::-1]", f"{owner}[p[0]:]"))
    kind = w.choose(("s", "n", "column"))
    if kind == "s":
        text = f"np.sin(damped({view}, {w.expr('s', 1)}))"
    elif kind == "n":
        text = f"smoothed({owner})"
    else:
        table = _target(w, "table")
        text, kind = f"row_doubled({table}, {w.choose(('0', '-1', 'p[0]', *w.indices))})", "n"
    name = w.fresh()
    w.line(f"{name} = {text}", depth)
    w.names[kind].append(name)


def growing_list(w: Writer, depth: int, _: int) -> None:
    """A list that grows in a loop, as an array afterwards."""
    items, value = w.fresh(), f"{w.fresh()}i"
    w.line(f"{items} = []", depth)
    w.line(f"for {value} in {w.choose(w.names['n'])}:", depth)
    if w.choose((True, False)):
        w.line(f"if {value} > {w.bounded('s')}:", depth + 1)
        w.line(f"{items}.append({value} * {w.bounded('s')})", depth + 2)
        w.line("else:", depth + 1)
        w.line(f"{items}.append({w.bounded('s')})", depth + 2)
    else:
        w.line(f"{items}.append({value} - {w.bounded('s')})", depth + 1)
    name = w.fresh()
    w.line(f"{name} = np.array({items})", depth)
    w.names["n"].append(name)


def check(w: Writer, depth: int, _: int) -> None:
    """A check that holds."""
    text = w.expr("s", 1)
    if w.choose((True, False)):
        w.line(f"assert np.abs({text}) < 1e12, f'too large: {{x[0]}}'", depth)
    else:
        w.line(f"if {text} > 1e12:", depth)
        w.line("raise ValueError('too large')", depth + 1)


def early_return(w: Writer, depth: int, _: int) -> None:
    w.line(f"if {w.expr('s', 1)} > {w.choose(('0.8', '2.5'))}:", depth)
    total = f"np.sum({w.bounded('n')}) + {w.bounded('s')}"
    w.line(f"return {results.result(w, total) if w.vector else total}", depth + 1)


def chain(w: Writer, depth: int, room: int) -> None:
    """`if`, `elif`, `else`, each with a block."""
    w.line(f"if {w.expr('s', 1)} > 0.5:", depth)
    w.block(depth + 1, room)
    w.line(f"elif {w.expr('s', 1)} > {w.choose(('0.0', '-0.7'))}:", depth)
    w.block(depth + 1, room)
    if w.choose((True, False)):
        w.line("else:", depth)
        w.block(depth + 1, room)


def other_loop(w: Writer, depth: int, room: int) -> None:
    """A loop over other ranges, over values, or as far as an outer counter."""
    index, value = f"i{w.count}", f"u{w.count}"
    w.count += 1
    outer = [i for i in w.indices if "%" not in i]
    inner = tuple(f"for {{i}} in range({i}):" for i in outer)
    head = w.choose((*HEADS, *OVER, *inner))
    text = head.replace("{i}", index).replace("{v}", value)
    while "{n}" in text:
        text = text.replace("{n}", w.choose(w.names["n"]), 1)
    w.line(text, depth)
    before = list(w.indices)
    if "{i}" in head:
        w.indices.append(index)
    if "{v}" in head:
        w.names["s"].append(value)
    outer_jumps, w.jumps = w.jumps, True
    w.block(depth + 1, room)
    w.jumps = outer_jumps
    w.indices[:] = before
    if "{v}" in head:
        w.names["s"] = [name for name in w.names["s"] if name != value]


def shrinking(w: Writer, depth: int, _: int) -> None:
    """A `while` whose slices get shorter."""
    count, name = w.fresh(), w.choose(w.local("n") or ["x"])
    w.line(f"{count} = len(x)", depth)
    w.line(f"while {count} > {w.choose(('0', '1', '2'))}:", depth)
    w.line(f"{count} = {w.choose((f'{count} - 1', f'{count} // 2', f'{count} - 2'))}", depth + 1)
    w.line(
        w.choose((
            f"{name}[{count}:] *= {w.bounded('s')}", f"{name}[:{count}] += {w.bounded('s')}",
            f"{name}[{count}] = np.sum({name}[:{count}])",
            f"{name}[0] += np.sin(np.sum({name}[{count}:]))",
        )),
        depth + 1,
    )  # fmt: skip


def swap(w: Writer, depth: int, _: int) -> None:
    one, two = w.choose(w.names["n"]), w.choose(w.names["n"])
    w.line(f"{one}, {two} = {two}, {one}", depth)


def renamed(w: Writer, depth: int, _: int) -> None:
    """A loop whose arrays change their names from step to step."""
    kind = w.choose(("n", "n", "table"))
    now, last, new = w.fresh(), w.fresh(), w.fresh()
    w.line(f"{now}, {last} = {w.bounded(kind)}, {w.choose(w.names[kind])}", depth)
    w.line(f"for {w.fresh()} in range({w.choose(('2', '3', 'len(x)', 'p[0]'))}):", depth)
    rows = w.choose(("{0}", "{0}[::-1]", "np.roll({0}, 1)", "np.cumsum({0}, axis=0)"))
    step = f"np.sin({rows.format(now)} * {w.bounded('s')} - 0.5 * {last})"
    match w.choose(("pair", "third", "in place")):
        case "pair":
            w.line(f"{now}, {last} = {step}, {now}", depth + 1)
        case "third":
            w.line(f"{new} = {step}", depth + 1)
            w.line(f"{new}[{w.choose(('0', '-1', '1:', '::2'))}] = {w.bounded('s')}", depth + 1)
            w.line(f"{last} = {now}", depth + 1)
            w.line(f"{now} = {new}", depth + 1)
        case _:
            w.line(f"{last} = {last} * 0.5", depth + 1)
            w.line(f"{last}[{w.choose(('0', '-1', '1:', ':-1'))}] += np.sum({now})", depth + 1)
            w.line(f"{now}, {last} = {last}, {now}", depth + 1)
    w.names[kind] += [now, last]


PLAIN: dict[str, Statement] = {
    "picked": picked_store,
    "views": view_of_view,
    "helper": helper,
    "list": growing_list,
    "check": check,
    "return": early_return,
    "shrinking": shrinking,
    "swap": swap,
    "renamed": renamed,
    "other dtype": memory_statements.other_dtype,
    "whole number": memory_statements.whole_number,
    "masked loop": memory_statements.masked_loop,
    "one of two": memory_statements.one_of_two,
    "shifted parts": memory_statements.shifted_parts,
    **LANGUAGE,
}
BLOCKS: dict[str, Statement] = {"chain": chain, "other loop": other_loop}
