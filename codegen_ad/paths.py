"""Which parts of a function's arguments are differentiated: parameters, and paths into them.

A path is kept as the text that a user would write, `params.layers[0]['w']`. Whether `.w` and
`['w']` are an attribute, a key or a field is the argument's business: both find any of them.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from codegen_ad.errors import InvalidArgument
from codegen_ad.signature import (
    ArrayForm,
    Form,
    MappingForm,
    Path,
    ScalarForm,
    SequenceForm,
    Signature,
    StaticForm,
)

Item = str | int | tuple[str | int, ...]
Names = Item | Sequence[Item]
"""What `wrt` may be: names, positions, texts of paths, tuples of a path's steps."""

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Target:
    """A part of the arguments that is differentiated: where it stands, and its form."""

    text: str
    path: Path
    form: Form

    def holds(self, path: Path) -> bool:
        """Whether a leaf stands here or within."""
        return path[: len(self.path)] == self.path


def names_of(function: Callable[..., Any], wrt: Names) -> tuple[str, ...]:
    """The parameters and paths that `wrt` names, as texts.

    Raises
    ------
    InvalidArgument
        If an item is no name, position or path, or one is given twice.
    """
    items: tuple[object, ...] = (wrt,)
    if isinstance(wrt, Sequence) and not isinstance(wrt, str | bytes | bytearray):
        items = tuple(wrt)
    try:
        parameters = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        from codegen_ad.source import source_of

        source_of(function)
        raise
    shown = getattr(function, "__name__", "the function")
    names = [_text(item, parameters, shown) for item in items]
    paths = [parse(name) for name in names]
    for name, path in zip(names, paths, strict=True):
        if paths.count(path) > 1:
            raise InvalidArgument(f"{name} is given twice: name each parameter once")
    return tuple(names)


def _text(item: object, parameters: Sequence[str], function: str) -> str:
    if isinstance(item, str):
        parse(item)
        return item
    if isinstance(item, tuple) and item:
        root, *keys = cast("tuple[object, ...]", item)
        if all(isinstance(k, str | int) and not isinstance(k, bool) for k in keys):
            return _text(root, parameters, function) + "".join(map(_step, keys))
    if not isinstance(item, int) or isinstance(item, bool):
        raise InvalidArgument(f"a parameter is given by name or position, not by {item!r}")
    if not -len(parameters) <= item < len(parameters):
        raise InvalidArgument(f"argnums={item}: {function}() takes {len(parameters)} arguments")
    return parameters[item]


def _step(key: object) -> str:
    return f"[{key!r}]"


def parse(text: str) -> Path:
    """The steps of a path: the parameter's name, then keys, names and positions.

    Raises
    ------
    InvalidArgument
        If the text is not a path.
    """
    try:
        return _steps(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError):
        raise InvalidArgument(
            f"wrt={text!r} is no path: write it as in Python, for example \"params['w']\" or "
            '"params.layers[0].w"'
        ) from None


def _steps(tree: ast.expr) -> Path:
    match tree:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=owner, attr=name):
            return (*_steps(owner), name)
        case ast.Subscript(value=owner, slice=index):
            key = ast.literal_eval(index)
            if isinstance(key, str | int) and not isinstance(key, bool):
                return (*_steps(owner), key)
        case _:
            pass
    raise ValueError(ast.unparse(tree))


def targets(signature: Signature, wrt: Sequence[str]) -> list[Target]:
    """What `wrt` names, in its order, for arguments of these forms.

    Raises
    ------
    InvalidArgument
        If a path leads nowhere, or to a part of what another one names.
    """
    found = [_find(signature, text) for text in wrt]
    for one in found:
        for other in found:
            if one is not other and one.path == other.path[: len(one.path)]:
                raise InvalidArgument(
                    f"wrt names {other.text}, which is a part of {one.text}: name one of them"
                )
    return found


def roots(wrt: Sequence[str]) -> frozenset[str]:
    """The parameters that `wrt` names or reaches into."""
    return frozenset(str(parse(text)[0]) for text in wrt)


def _find(signature: Signature, text: str) -> Target:
    root, *keys = parse(text)
    form = dict(signature.parameters)[str(root)]
    where, path = str(root), (root,)
    for key in keys:
        known = key_in(form, key)
        if known is None:
            raise InvalidArgument(_nowhere(text, where, form))
        where += _shown_step(form, known)
        path = (*path, known)
        form = _child(form, known)
    return Target(text, path, form)


def key_in(form: object, key: str | int) -> str | int | None:
    """The key or position within a container that a step of a path means; None if it has none."""
    if isinstance(form, MappingForm):
        return key if key in form.keys else None
    if not isinstance(form, SequenceForm):
        return None
    if isinstance(key, int):
        place = key + len(form.items) if key < 0 else key
        return place if 0 <= place < len(form.items) else None
    fields = getattr(form.cls, "_fields", ())
    return fields.index(key) if key in fields else None


def _child(form: Form, key: str | int) -> Form:
    if isinstance(form, MappingForm):
        return form.items[form.keys.index(str(key))]
    return cast("SequenceForm", form).items[int(key)]


def _nowhere(text: str, where: str, form: Form) -> str:
    if not isinstance(form, MappingForm | SequenceForm):
        what = "an array" if isinstance(form, ArrayForm) else "a single value"
        return f"wrt={text!r} leads nowhere: {where} is {what}, which is named as a whole"
    from difflib import get_close_matches

    there = [place for place, _ in places(form, where)]
    near = sorted(get_close_matches(text, there, 3), key=there.index) or there[:_SHOWN]
    more = ", …" if len(near) == _SHOWN < len(there) else ""
    return (
        f"wrt={text!r} leads nowhere: within {where} there is {', '.join(near) or 'nothing'}{more}"
    )


def places(form: Form, where: str) -> Iterator[tuple[str, Form]]:
    """The arrays and numbers of an argument, each with what a user writes to reach it."""
    match form:
        case ArrayForm() | ScalarForm():
            yield where, form
        case SequenceForm(items=items):
            for index, item in enumerate(items):
                yield from places(item, where + _shown_step(form, index))
        case MappingForm(keys=keys, items=items):
            for key, item in zip(keys, items, strict=True):
                yield from places(item, where + _shown_step(form, key))
        case StaticForm():
            return


def _shown_step(form: object, key: str | int) -> str:
    if isinstance(form, SequenceForm) and hasattr(form.cls, "_fields"):
        return f".{cast('Any', form.cls)._fields[key]}"
    is_record = isinstance(form, MappingForm) and form.cls is not dict
    return f".{key}" if is_record else f"[{key!r}]"


def value_at(arguments: Mapping[str, Any], target: Target, signature: Signature) -> Any:
    """The part of the arguments that a target names."""
    root, *keys = target.path
    value, form = arguments[str(root)], dict(signature.parameters)[str(root)]
    for key in keys:
        is_attribute = isinstance(form, MappingForm) and form.cls is not dict
        value, form = getattr(value, str(key)) if is_attribute else value[key], _child(form, key)
    return value
