"""Dependencies are followed, written down, and watched for changes."""

import builtins
import functools
import json
import types

import numpy as np
import pytest

from codegen_ad.runtime.dependencies import Dependency, digest, holds, manifest, resolve
from codegen_ad.runtime.watch import Watch

USER = """
import math
import functools

scale = 2.0
name = "tanh"
shift = 0.0
weights = {"a": [1.0, 2.0], 3: "three"}
table = array([1.0, 2.0, 3.0])
pair = (1, 2)


class Model:
    def __init__(self):
        self.rate = 0.5

    @property
    def double(self):
        return 2 * self.rate

    def step(self, x):
        return self.rate * x


model = Model()


def helper(x, power=2, *, bias=1.0):
    return scale * abs(x) ** power + bias


def outer(k):
    def inner(x):
        return helper(x) * k
    return inner


inner = outer(7)
fixed = functools.partial(helper, power=3)


def f(x):
    return helper(x)
"""

HELPER = ("global", "helper")
PATHS = {
    "function": (HELPER,),
    "global of a function": (HELPER, ("global", "scale")),
    "builtin": (HELPER, ("global", "abs")),
    "default": (HELPER, ("default", "power")),
    "keyword default": (HELPER, ("default", "bias")),
    "closure": (("global", "inner"), ("closure", "k")),
    "attribute of a module": (("global", "math"), ("attribute", "pi")),
    "attribute of an object": (("global", "model"), ("attribute", "rate")),
    "property": (("global", "model"), ("attribute", "double")),
    "method": (("global", "model"), ("attribute", "step")),
    "function of a method": (
        ("global", "model"),
        ("attribute", "step"),
        ("function", "__func__"),
    ),
    "function of a partial": (("global", "fixed"), ("function", "func"), ("global", "scale")),
    "partial": (("global", "fixed"),),
    "item of a dict": (("global", "weights"), ("item", 3)),
    "item of an item": (("global", "weights"), ("item", "a"), ("item", -1)),
    "item of a tuple": (("global", "pair"), ("item", 0)),
    "dict": (("global", "weights"),),
    "array": (("global", "table"),),
    "layout": (("global", "table"), ("layout", "")),
    "class": (("global", "Model"),),
    "zero": (("global", "shift"),),
}


@pytest.fixture
def user():
    module = types.ModuleType("user")
    module.array = np.array
    exec(USER, vars(module))
    return module


def test_paths_are_resolved(user):
    found = {what: resolve(user.f, path) for what, path in PATHS.items()}
    assert found["function"] is user.helper
    assert found["global of a function"] == 2.0
    assert found["builtin"] is abs
    assert found["default"] == 2
    assert found["keyword default"] == 1.0
    assert found["closure"] == 7
    assert found["attribute of an object"] == 0.5
    assert found["function of a method"] is user.Model.step
    assert found["function of a partial"] == 2.0
    assert found["item of a dict"] == "three"
    assert found["item of an item"] == 2.0
    assert found["layout"] == "<f8 (False,) C True"
    assert resolve(user.f, ()) is user.f


@pytest.mark.parametrize(
    "path",
    [
        (("global", "gone"),),
        (("global", "scale"), ("global", "x")),
        (("closure", "k"),),
        (("default", "x"),),
        (("default", "gone"),),
        (("global", "model"), ("attribute", "gone")),
        (("global", "weights"), ("item", "gone")),
        (("global", "pair"), ("item", 5)),
        (("global", "scale"), ("item", 0)),
        (("global", "scale"), ("layout", "")),
        (("function", "__globals__"),),
        (("nonsense", "x"),),
    ],
    ids=str,
)
def test_a_path_that_leads_nowhere(user, path):
    with pytest.raises(LookupError):
        resolve(user.f, path)
    dependency = Dependency(path, "float 0x1")
    assert not holds(user.f, [dependency])
    assert not Watch(user.f, [dependency]).unchanged()


def test_an_empty_closure_cell_leads_nowhere():
    def inner():
        return later

    with pytest.raises(LookupError):
        resolve(inner, (("closure", "later"),))
    later = 1
    assert resolve(inner, (("closure", "later"),)) == 1


def test_dependencies_go_to_json_and_back(user):
    known = manifest(user.f, PATHS.values())
    text = json.dumps([d.to_json() for d in known])
    assert tuple(Dependency.from_json(d) for d in json.loads(text)) == known


def test_a_manifest_is_sorted_and_names_each_path_once(user):
    paths = list(PATHS.values())
    assert manifest(user.f, paths) == manifest(user.f, [*reversed(paths), *paths])
    assert digest(manifest(user.f, paths)) == digest(manifest(user.f, reversed(paths)))
    assert digest(()) != digest(manifest(user.f, paths[:1]))


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        {},
        [],
        ["ab", "c"],
        [[], 1],
        [[["global"]], "x"],
        [[["global", True]], "x"],
        [[["import", "os"]], "x"],
        [[[1, "a"]], "x"],
        [["ab"], "x"],
    ],
    ids=str,
)
def test_foreign_json_is_no_dependency(value):
    with pytest.raises(ValueError, match="not a"):
        Dependency.from_json(value)


def replacement(user):
    def helper(x, power=2, *, bias=1.0):
        return scale - x  # noqa: F821

    return types.FunctionType(helper.__code__, vars(user), "helper", (2,))


CHANGES = {
    "function": lambda u: setattr(u, "helper", replacement(u)),
    "code of a function": lambda u: setattr(u.helper, "__code__", replacement(u).__code__),
    "defaults of a function": lambda u: setattr(u.helper, "__defaults__", (3,)),
    "keyword default in place": lambda u: u.helper.__kwdefaults__.update(bias=2.0),
    "global": lambda u: setattr(u, "scale", 3.0),
    "type of a global": lambda u: setattr(u, "scale", np.float64(2.0)),
    "sign of zero": lambda u: setattr(u, "shift", -0.0),
    "global deleted": lambda u: delattr(u, "scale"),
    "builtin shadowed": lambda u: setattr(u, "abs", len),
    "closure": lambda u: setattr(u.inner.__closure__[0], "cell_contents", 8),
    "attribute of an object": lambda u: setattr(u.model, "rate", 0.6),
    "object": lambda u: setattr(u, "model", types.SimpleNamespace(rate=0.5)),
    "method": lambda u: setattr(u.Model, "step", lambda self, x: x),
    "item of a list": lambda u: u.weights["a"].append(3.0),
    "item of a dict": lambda u: u.weights.update({3: "drei"}),
    "partial": lambda u: u.fixed.keywords.update(power=4),
    "array in place": lambda u: u.table.__setitem__(0, 9.0),
    "array": lambda u: setattr(u, "table", u.table.astype("f4")),
    "module": lambda u: setattr(u, "math", types.SimpleNamespace(pi=3.0)),
    "class": lambda u: setattr(u, "Model", type("Model", (), {})),
    "tuple": lambda u: setattr(u, "pair", (2, 2)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noticed(user, change):
    known = manifest(user.f, PATHS.values())
    watch = Watch(user.f, known)
    assert holds(user.f, known)
    assert watch.unchanged()
    assert watch.unchanged()
    CHANGES[change](user)
    assert not holds(user.f, known)
    assert not watch.unchanged()
    assert not watch.unchanged()


def test_a_change_in_a_builtin_is_noticed(user, monkeypatch):
    watch = Watch(user.f, manifest(user.f, PATHS.values()))
    monkeypatch.setattr(builtins, "abs", len)
    assert not watch.unchanged()


def test_an_attribute_of_a_module_is_noticed(user):
    user.math = types.ModuleType("math")
    user.math.pi = 3.0
    watch = Watch(user.f, manifest(user.f, [PATHS["attribute of a module"]]))
    assert watch.unchanged()
    user.math.pi = 4.0
    assert not watch.unchanged()


EQUAL = {
    "float": lambda u: setattr(u, "scale", float("2.0")),
    "zero": lambda u: setattr(u, "shift", float("0.0")),
    "list": lambda u: u.weights.update(a=[1.0, 2.0]),
    "array": lambda u: setattr(u, "table", u.table.copy()),
    "object": lambda u: setattr(u, "model", u.Model()),
    "tuple": lambda u: setattr(u, "pair", (*range(1, 3),)),
    "irrelevant": lambda u: setattr(u, "name", "sin"),
    "the same function defined again": lambda u: setattr(
        u,
        "helper",
        functools.reduce(
            lambda f, kw: setattr(f, "__kwdefaults__", kw) or f,
            [dict(u.helper.__kwdefaults__)],
            types.FunctionType(u.helper.__code__, vars(u), "helper", u.helper.__defaults__),
        ),
    ),
}


@pytest.mark.parametrize("change", EQUAL)
def test_an_equal_value_does_no_harm(user, change):
    known = manifest(user.f, PATHS.values())
    watch = Watch(user.f, known)
    EQUAL[change](user)
    assert holds(user.f, known)
    assert watch.unchanged()
    assert watch.unchanged()


def test_a_value_that_comes_back_is_noticed_too(user):
    watch = Watch(user.f, manifest(user.f, PATHS.values()))
    user.scale = 3.0
    assert not watch.unchanged()
    user.scale = 2.0
    assert watch.unchanged()


def test_what_is_reached_through_a_new_function_is_watched(user):
    known = manifest(user.f, PATHS.values())
    watch = Watch(user.f, known)
    EQUAL["the same function defined again"](user)
    assert watch.unchanged()
    user.helper.__defaults__ = (5,)
    assert not watch.unchanged()


def test_the_content_of_an_array_that_is_passed_in_does_not_count(user):
    watch = Watch(user.f, manifest(user.f, [PATHS["layout"]]))
    user.table[0] = 9.0
    assert watch.unchanged()
    user.table = np.zeros(5)
    assert watch.unchanged()
    user.table = np.zeros((5, 1))
    assert not watch.unchanged()


def test_the_root_itself_is_watched(user):
    watch = Watch(user.f, manifest(user.f, [()]))
    assert watch.unchanged()
    user.f.__code__ = (lambda x: x).__code__
    assert not watch.unchanged()


def test_nothing_to_watch_never_changes(user):
    assert Watch(user.f, ()).unchanged()


def test_objects_are_not_compared_by_their_own_equality(user):
    class Odd:
        def __eq__(self, other):
            raise AssertionError("asked")

        __hash__ = None

    user.model = Odd()
    watch = Watch(user.f, manifest(user.f, [(("global", "model"),)]))
    user.model = Odd()
    assert watch.unchanged()


def test_the_code_of_the_function_itself_may_be_replaced(user):
    """Tools that reload modules put new code into the old functions."""
    watch = Watch(user.f, manifest(user.f, [(HELPER,)]))
    assert watch.unchanged()

    def f(x):
        return helper(x) * 2  # noqa: F821

    user.f.__code__ = f.__code__
    assert not watch.unchanged()
    assert not watch.unchanged()
    assert Watch(user.f, manifest(user.f, [(HELPER,)])).unchanged()
