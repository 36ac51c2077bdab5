"""What a kernel is specialised on: the forms of a function's arguments, without their numbers.

A signature is hashable and prints as one line of text, which is part of a kernel's cache key.
This module knows nothing of programs, so that a cached kernel is found without the frontend.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class ArrayForm:
    """A NumPy array or NumPy scalar (rank 0).

    `shape` holds a number for an axis whose size is part of the specialisation (1, or a small size
    of a parameter that is differentiated) and None for an axis whose size the kernel reads at run
    time. `layout` is C, F or A (any strides), with "readonly" where the array is: a kernel file is
    compiled for one of them only.

    `sizes` are those of the array at hand. They are no part of the specialisation by themselves:
    a kernel says which of them it is made for, see `codegen_ad.runtime.fixed`.
    """

    dtype: str
    shape: tuple[int | None, ...]
    layout: str = "C"
    sizes: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        sizes = ",".join("*" if s is None else str(s) for s in self.shape)
        return f"{self.dtype}[{sizes}] {self.layout}".rstrip()


@dataclass(frozen=True, slots=True)
class ScalarForm:
    """A Python float or int whose value the kernel reads at run time; weak in dtype promotion."""

    kind: type[float] | type[int]

    def __str__(self) -> str:
        return self.kind.__name__


@dataclass(frozen=True, slots=True)
class StaticForm:
    """A value that is part of the specialisation: None, bool, str, and ints marked static."""

    value: object

    def __str__(self) -> str:
        return f"={self.value!r}"


@dataclass(frozen=True, slots=True)
class SequenceForm:
    """A tuple, list or NamedTuple of further arguments; `cls` is the exact class."""

    cls: type
    items: tuple[Form, ...]

    def __str__(self) -> str:
        return f"{_name(self.cls)}({','.join(map(str, self.items))})"


@dataclass(frozen=True, slots=True)
class MappingForm:
    """A dict (`cls` is `dict`) or a dataclass instance (`cls` is its class), by keys in order."""

    cls: type
    keys: tuple[str, ...]
    items: tuple[Form, ...]

    def __str__(self) -> str:
        inside = ",".join(f"{k}:{v}" for k, v in zip(self.keys, self.items, strict=True))
        return f"{_name(self.cls)}({inside})"


def _name(cls: type) -> str:
    """What tells a class from others of the same name."""
    builtin = cls.__module__ == "builtins"
    return cls.__qualname__ if builtin else f"{cls.__module__}.{cls.__qualname__}"


Form = ArrayForm | ScalarForm | StaticForm | SequenceForm | MappingForm


@dataclass(frozen=True, slots=True)
class Signature:
    """The forms of all parameters of a function, by name, in the order of its definition.

    A `*args` parameter appears under its name as a SequenceForm of class tuple. `untrue` holds the
    comparisons of sizes, in the frontend's words, that are taken to hold otherwise and do not hold
    for these arguments: `x.shape[0] >= 5`. Of one that `is_general`, a kernel is made that takes
    the sizes at hand for no more than an example.
    """

    parameters: tuple[tuple[str, Form], ...]
    untrue: tuple[str, ...] = ()
    is_general: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        forms = [f"{name} {form}" for name, form in self.parameters]
        return "; ".join([*forms, *(f"not {text}" for text in self.untrue)])

    def without(self, comparison: str) -> Signature:
        """The signature of arguments for which this comparison does not hold either."""
        return replace(self, untrue=tuple(sorted({*self.untrue, comparison})))

    def opened(self) -> Signature:
        """The signature of arrays of any sizes, where these tell other sizes than 1."""
        return replace(self, parameters=tuple((n, _opened(f)) for n, f in self.parameters))


def _opened(form: Form) -> Form:
    match form:
        case ArrayForm(shape=shape):
            return replace(form, shape=tuple(1 if s == 1 else None for s in shape))
        case SequenceForm(items=items) | MappingForm(items=items):
            return replace(form, items=tuple(map(_opened, items)))
        case _:
            return form


PARTS = ("real", "imag")
"""The two leaves of a complex argument, whose form is a SequenceForm of class `complex`."""

Path = tuple[str | int, ...]
"""Where a leaf stands: the parameter's name, then keys and positions within it."""


def leaves(signature: Signature) -> list[tuple[Path, ArrayForm | ScalarForm]]:
    """The arguments that a kernel takes, in order: all arrays and run-time scalars."""
    found: list[tuple[Path, ArrayForm | ScalarForm]] = []
    for name, form in signature.parameters:
        _collect((name,), form, found)
    return found


def _collect(path: Path, form: Form, found: list[tuple[Path, ArrayForm | ScalarForm]]) -> None:
    match form:
        case ArrayForm() | ScalarForm():
            found.append((path, form))
        case SequenceForm(cls=cls, items=items):
            keys = PARTS if cls is complex else range(len(items))
            for index, item in zip(keys, items, strict=True):
                _collect((*path, index), item, found)
        case MappingForm(keys=keys, items=items):
            for key, item in zip(keys, items, strict=True):
                _collect((*path, key), item, found)
        case StaticForm():
            pass


def path_text(path: Path) -> str:
    """A path as a Python name: `params_W_0`, for a kernel's parameters."""
    return "_".join(str(part) for part in path)
