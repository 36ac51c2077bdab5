"""Statements of the language itself: closures, dicts, lists of arrays, `else` of loops, generators.

Each writes lines by the program's writer and says which names it leaves behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.property.programs import Writer


def _own(w: Writer) -> str:
    return w.choose(w.local("n") or ["x"])


def closure(w: Writer, depth: int, _: int) -> None:
    """A function inside that reads, writes into or binds again what is around it; two calls."""
    name, result, target = w.fresh(), w.fresh(), _own(w)
    state = w.fresh()
    form = w.choose(("reads", "writes", "binds", "default"))
    w.line(f"{state} = {w.bounded('s')}", depth)
    w.line(f"def {name}(c{', d=' + state if form == 'default' else ''}):", depth)
    match form:
        case "reads":
            w.line(f"return c * {target}[1] + {state}", depth + 1)
        case "writes":
            w.line(f"{target}[{w.choose(('0', '-1', '1:', '::-2'))}] += c * {state}", depth + 1)
            w.line(f"return {target}[0] * c", depth + 1)
        case "binds":
            w.line(f"nonlocal {state}", depth + 1)
            w.line(f"{state} = {state} * 0.5 + np.sin(c)", depth + 1)
            w.line(f"return {state} * {target}[1]", depth + 1)
        case _:
            w.line("return c * d", depth + 1)
    if w.choose((True, False)):
        w.line(f"{target}[1] *= {w.bounded('s')}", depth)
        w.line(f"{state} = {w.bounded('s')}", depth)
    w.line(f"{result} = {name}({w.bounded('s')}) + {name}({w.bounded('s')})", depth)
    w.names["s"] += [result, state]


def dictionary(w: Writer, depth: int, _: int) -> None:
    """A dict of arrays and a number, changed by key, and its arrays by place."""
    name, array, number = w.fresh(), w.fresh(), w.fresh()
    one = w.choose((_own(w), f"np.sin({w.expr('n', 1)})"))
    w.line(f"{name} = {{'a': {one}, 'b': {w.bounded('s')}, 'c': {w.choose(w.names['n'])}}}", depth)
    for _ in range(w.choose((1, 2, 3))):
        w.line(
            w.choose((
                f"{name}['a'] = {name}['a'] * {w.bounded('s')}",
                f"{name}['a'][1:] += {name}['b']",
                f"{name}['b'] += {name}['c'][0]",
                f"{name}['c'], {name}['a'] = {name}['a'], {name}['c']",
                f"{name}.update(b=np.sin({name}['b']), d={name}['a'][::-1])",
                f"{name} = {{k: v * 0.5 for k, v in {name}.items()}}",
            )),
            depth,
        )  # fmt: skip
    w.line(f"{array}, {number} = {name}['a'], {name}['b']", depth)
    w.names["n"].append(array)
    w.names["s"].append(number)


def arrays_in_a_list(w: Writer, depth: int, _: int) -> None:
    """A list of arrays: its items are names of them."""
    items, name = w.fresh(), w.fresh()
    one, two = _own(w), w.choose(w.names["n"])
    w.line(f"{items} = [{one}, np.sin({two}), {two}]", depth)
    for _ in range(w.choose((1, 2))):
        w.line(
            w.choose((
                f"{items}[0][1] += {w.bounded('s')}", f"{items}[1] *= {items}[2]",
                f"{items}[0], {items}[1] = {items}[1], {items}[0]", f"{items}.reverse()",
                f"{items}[-1] = {items}[0] + {items}[1]", f"{items} = {items} * 2",
                f"{items}.append({items}.pop(0))", f"{items} += [{items}[0] * 2.0]",
            )),
            depth,
        )  # fmt: skip
    w.line(f"{name} = {w.choose((f'sum({items})', f'{items}[0]', f'{items}[-1]'))}", depth)
    w.names["n"].append(name)


def searched(w: Writer, depth: int, _: int) -> None:
    """A loop that may end early, and the `else` for when it does not."""
    value, name = f"{w.fresh()}i", w.fresh()
    if w.choose((True, False)):
        w.line(f"for {value} in {w.choose(w.names['n'])}:", depth)
        test = f"{value} > {w.choose(('0.3', '9.0'))}"
    else:
        w.line(f"{value} = 0.1", depth)
        w.line(f"while ({value} := {value} * 2.0 + 0.1) < 3.0:", depth)
        test = f"{value} > {w.bounded('s')}"
    w.line(f"if {test}:", depth + 1)
    w.line(f"{name} = {value} * {w.bounded('s')}", depth + 2)
    w.line("break", depth + 2)
    w.line("else:", depth)
    w.line(f"{name} = {w.bounded('s')}", depth + 1)
    w.names["s"].append(name)


LANGUAGE = {
    "closure": closure,
    "dictionary": dictionary,
    "arrays in a list": arrays_in_a_list,
    "searched": searched,
}
