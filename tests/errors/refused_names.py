"""Functions that are refused, one for each message: statements, names and calls."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import random
import re
from typing import Any, NamedTuple

import numpy as np

HELPERS = ("_later", "_counter")


class Config:
    """An object that lives outside."""

    rate = 1.0


CONFIG = Config()


def _counter() -> Any:
    count = 0

    def counting(x: Any) -> Any:
        nonlocal count
        count += 1
        return x

    return counting


_counting = _counter()


class Point(NamedTuple):
    """A pair, outside."""

    x: Any
    y: Any


@dataclasses.dataclass
class Slope:
    """A record, outside."""

    rise: Any
    run: Any = 1.0


async def _later(x: Any) -> Any:
    return x


COUNTS: dict[str, Any] = {}

exec("def _without_source(x):\n    return x", COUNTS)


def fetch_rate(t: Any) -> Any:
    return np.packbits(t)


def unknown_builtin(x: Any) -> Any:
    return re.escape(x)


def unknown_method(x: Any) -> Any:
    return x.tobytes()


def unknown_attribute(x: Any) -> Any:
    return x.strides[0] * x


def compiled_function(x: Any) -> Any:
    return sorted(x, key=len)


def unpacking(x: Any) -> Any:
    a, b = x, x, x
    return a + b


def kinds_differ(x: Any) -> Any:
    mode = "a" if x[0] > 0 else "b"
    return x if mode == "a" else -x


def long_list_returned(x: Any) -> Any:
    return [v * 2 for v in x]


def long_list_times_two(x: Any) -> Any:
    return sum([v for v in x] * 2)  # noqa: C416


def comprehension_over_data(x: Any) -> Any:
    return {i: v * 2 for i, v in enumerate(x)}[0]


def with_statement(x: Any) -> Any:
    with contextlib.suppress(ValueError):
        x = x / 2
    return x


def import_statement(x: Any) -> Any:
    import no_such_module

    return x * no_such_module.rate


def class_statement(x: Any) -> Any:
    class Inner:
        pass

    return x, Inner


def errstate_that_raises(x: Any) -> Any:
    with np.errstate(all="raise"):
        return np.log(x)


def text_used(x: Any) -> Any:
    name = f"{x[0]:.2f}"
    return x if name == "1.00" else -x


def generator(x: Any) -> Any:
    yield x


def generator_that_is_sent_to(x: Any) -> Any:
    def given() -> Any:
        factor = yield x[0]
        yield factor * x[1]

    return sum(given())


def generator_from_within(x: Any) -> Any:
    def given() -> Any:
        return (yield from x)

    return sum(given())


def generator_of_lists(x: Any) -> Any:
    def given() -> Any:
        state = [x[0]]
        yield state
        state.append(x[1])
        yield state

    return sum(len(state) * state[0] for state in given())


def generator_of_an_array_that_changes(x: Any) -> Any:
    def given() -> Any:
        state = np.zeros(2)
        yield state
        state[0] = x[0]
        yield state

    return sum(state[0] for state in given())


def generator_reads_what_changes(x: Any) -> Any:
    total = 0.0

    def given() -> Any:
        for v in x:
            yield v * total

    for v in given():
        total = total + 1.0 + v
    return total


def set_of_data(x: Any) -> Any:
    return x * len({x[0], x[1]})


def set_without_an_order(x: Any) -> Any:
    total = 0.0
    for k in {2, 1}:
        total = total + x[k] ** k
    return total


def set_that_changes(x: Any) -> Any:
    seen = set()
    for k in (1, 2, 1):
        seen.add(k)
    return x * len(seen)


def set_in_place(x: Any) -> Any:
    seen = {1, 2}
    seen |= {3}
    return x * len(seen)


def set_by_a_key(x: Any) -> Any:
    return x[max({-2, 2}, key=abs)]


def set_of_fractions(x: Any) -> Any:
    return x * sum({0.1, 0.2, 0.3})


def set_of_lists(x: Any) -> Any:
    return x * len({[1, 2]})


def key_that_is_missing(x: Any) -> Any:
    held = {"Dict": x}
    return held.pop("List")


def change_outside_object(x: Any) -> Any:
    CONFIG.rate = 2.0
    return x * CONFIG.rate


def endless_recursion(x: Any) -> Any:
    return endless_recursion(x * 0.5) + 1


def undefined_name(x: Any) -> Any:
    return x * undefined_thing  # noqa: F821


def read_before_bound(x: Any) -> Any:
    y = y + x  # noqa: F821
    return y


def alias_chosen_by_data(x: Any) -> Any:
    y = x if x[0] > 0 else x * 2
    y[0] = 1.0
    return x, y


def wrong_arguments(x: Any) -> Any:
    def helper(a: Any, b: Any) -> Any:
        return a + b

    return helper(x)


def unknown_keyword(x: Any) -> Any:
    return np.exp(x, where=x > 0)


def negative_booleans(x: Any) -> Any:
    return -(x > 0)


def position_from_data(x: Any, k: Any) -> Any:
    parts = (x, x * 2, x.sum())
    return parts[k]


def returns_a_function(x: Any) -> Any:
    return lambda: x


def missing_key(p: Any) -> Any:
    return p["w"] * p["b"]


def fails_when_run(x: Any) -> Any:
    return x * (1 / 0)


def text_of_data(x: Any) -> Any:
    return x, f"{x.sum():.2f}"


def tuple_of_unknown_length(x: Any) -> Any:
    return tuple(x)


def attribute_of_a_list(x: Any) -> Any:
    return [x].size


def attribute_set(x: Any) -> Any:
    x.name = 1.0
    return x


def number_unpacked(x: Any) -> Any:
    a, b = x[0]
    return a + b


def too_few_to_unpack(x: Any) -> Any:
    a, *b, c = (x,)
    return a, b, c


def choice_of_functions(x: Any) -> Any:
    f = np.sin if x[0] > 0 else np.cos
    return f(x)


def largest_by_key(x: Any) -> Any:
    return max(x, key=abs)


def default_of_unknown_number(x: Any) -> Any:
    return max(x[x > 0], default=x[0])


def largest_of_nothing(x: Any) -> Any:
    return max([]) * x


def constant_called(x: Any) -> Any:
    return CONFIG(x)


def number_called(x: Any) -> Any:
    return x[0](x)


def strange_operands(x: Any) -> Any:
    return x + "a"


def wrong_fields(x: Any) -> Any:
    return Point(x)


def wrong_fields_of_a_dataclass(x: Any) -> Any:
    return Slope()


def option_of_a_transform(x: Any) -> Any:
    return np.fft.fft(x, None, 0, "ortho", 3).real


def transform_of_a_number(x: Any) -> Any:
    return np.fft.fft(x[0]).real


def norm_of_a_transform(x: Any) -> Any:
    return np.fft.fft(x, norm="half").real


def method_of_a_list(x: Any) -> Any:
    return [x].total()


def length_of_a_number(x: Any) -> Any:
    return len(x[0]) * x


def sine_of_a_text(x: Any) -> Any:
    return np.sin("x") * x


def bytes_literal(x: Any) -> Any:
    return x * len(b"abc")


def star_star_of_a_list(x: Any) -> Any:
    return dict(**[x])


def star_star_in_a_dict(x: Any) -> Any:
    return {**x}


def chained_comparison(x: Any) -> Any:
    return x[0 < x < 1]


def reduced_without_a_start(x: Any) -> Any:
    return functools.reduce(lambda a, b: b, zip(x, x[::-1], strict=True))[0]


def reduced_nothing(x: Any) -> Any:
    return functools.reduce(lambda a, b: a * b, []) * x


def asynchronous_helper(x: Any) -> Any:
    return _later(x)


def too_many_arguments(x: Any) -> Any:
    def helper(a: Any) -> Any:
        return a

    return helper(x, x)


def unknown_argument(x: Any) -> Any:
    def helper(a: Any) -> Any:
        return a

    return helper(x, b=x)


def two_ellipses(a: Any) -> Any:
    return a[..., ...]


def nonlocal_outside(x: Any) -> Any:
    return _counting(x)


def attribute_missing(x: Any) -> Any:
    return np.sinus(x)


def sine_of_two(x: Any) -> Any:
    return np.logaddexp(x, x, x, x)


def decorated_inner(x: Any) -> Any:
    @functools.cache
    def inner(v: Any) -> Any:
        return v

    return inner(x)


def out_of_two(x: Any) -> Any:
    return np.sin(x, out=(x, x))


def attribute_of_a_function(x: Any) -> Any:
    def helper(v: Any) -> Any:
        return v

    return helper.calls * x


def chosen_name(x: Any) -> Any:
    return getattr(np, "sin" if x[0] > 0 else "cos")(x)


def filtered_by_data(x: Any) -> Any:
    return sum([v for v in (x[0], x[1]) if v > 0])


def dict_filtered_by_data(x: Any) -> Any:
    return {k: v for k, v in enumerate((x[0], x[1])) if v > 0}[0]


def booleans_and_text(x: Any) -> Any:
    return np.add(x, "a")


def without_source(x: Any) -> Any:
    return COUNTS["_without_source"](x)


def no_such_meaning(x: Any) -> Any:
    return np.linalg.lstsq(x, x)[0]


def order_of_a_ufunc(x: Any) -> Any:
    return np.sin(x, order="F")


def deeply_recursive(x: Any) -> Any:
    def deep(v: Any, k: Any) -> Any:
        return v if k == 0 else deep(v * 0.5, k - 1) + 1.0

    return deep(x, 2000)


def drawn_number(x: Any) -> Any:
    return random.random() * x


def sorted_arrays(x: Any) -> Any:
    return sorted([x, x * 2], key=np.sum)[0]


def sorted_texts_and_numbers(x: Any) -> Any:
    return sorted([1.0, "a"])[0] * x
