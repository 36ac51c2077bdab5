"""Values that differ get different fingerprints, and the same value the same one everywhere."""

import collections
import enum
import functools
import math
import operator
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codegen_ad.runtime import fingerprint as module
from codegen_ad.runtime.fingerprint import fingerprint, is_immutable, primary_key


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Model:
    def __init__(self, rate):
        self.rate = rate

    def grow(self, x):
        return self.rate * x

    def shrink(self, x):
        return x / self.rate


Point = collections.namedtuple("Point", "x y")
Pair = collections.namedtuple("Pair", "x y")
nan = math.nan
matrix = np.arange(6.0).reshape(2, 3)

DIFFERENT = [
    0,
    False,
    0.0,
    -0.0,
    0j,
    complex(0.0, -0.0),
    complex(-0.0, 0.0),
    None,
    ...,
    "",
    "0",
    b"",
    b"0",
    bytearray(b"0"),
    nan,
    math.inf,
    1,
    True,
    1.0,
    10**30,
    0.1,
    0.1 + 2**-55,
    np.float64(0.0),
    np.float64(-0.0),
    np.float32(0.0),
    np.int64(0),
    np.bool(False),
    np.datetime64("2020-01-01"),
    np.datetime64("2020-01-01", "s"),
    np.dtype("f8"),
    np.dtype("f4"),
    np.dtype(">f8"),
    np.dtype([("a", "f8")]),
    np.dtype([("b", "f8")]),
    (),
    [],
    {},
    set(),
    frozenset(),
    (1,),
    [1],
    (1.0,),
    (True,),
    ((1,),),
    (1, 2),
    (2, 1),
    ("1, 2",),
    ("1", "2"),
    {1},
    frozenset({1}),
    {1: 2},
    {1: 2, 3: 4},
    {3: 4, 1: 2},
    collections.OrderedDict({1: 2}),
    Point(1, 2),
    Pair(1, 2),
    slice(None, 1),
    slice(1, None),
    Colour.RED,
    Colour.BLUE,
    Colour,
    matrix,
    matrix.T,
    matrix.ravel(),
    matrix + 1,
    matrix.astype("f4"),
    matrix.reshape(3, 2),
    np.ma.masked_array(matrix, matrix > 2),
    np.ma.masked_array(matrix, matrix > 3),
    np.zeros(0),
    np.zeros((0, 2)),
    np.array(0.0),
    np.array(["a"]),
    np.array([None]),
    np.array([[1]], dtype=object),
    np.array(["2020"], dtype="M8[D]"),
    np,
    math,
    math.sin,
    np.sin,
    np.cos,
    np.mean,
    np.sum,
    np.add.reduce,
    np.multiply.reduce,
    np.linalg.norm,
    np.float64,
    len,
    operator.add,
    Model,
    Model(1),
    Model(1).grow,
    Model(1).shrink,
    functools.partial(pow, 2),
    operator.itemgetter(1),
    operator.itemgetter(1, 2),
    operator.attrgetter("a"),
    operator.attrgetter("a.b"),
    operator.methodcaller("sum"),
    operator.methodcaller("sum", 0),
    operator.methodcaller("sum", axis=0),
    operator.methodcaller("sum", axis=1),
    functools.partial(pow, 3),
    functools.partial(pow, exp=2),
    lambda x: x + 1,
    lambda x: x + 2,
    lambda x, k=1: x,
    lambda x, k=2: x,
    lambda x, *, k=1: x,
    lambda x, *, k=2: x,
]


def test_different_values_have_different_fingerprints():
    texts = collections.defaultdict(list)
    for value in DIFFERENT:
        texts[fingerprint(value)].append(value)
    assert [group for group in texts.values() if len(group) > 1] == []
    assert max(map(len, texts)) <= 120 + len("frozenset sha256:")


@pytest.mark.parametrize("value", DIFFERENT, ids=lambda value: type(value).__name__)
def test_a_fingerprint_is_one_line_and_names_no_address(value):
    text = fingerprint(value)
    assert text == fingerprint(value)
    assert "\n" not in text
    assert hex(id(value))[2:] not in text


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (float("nan"), nan),
        ("ab" * 500, "ab" * 500),
        ({"b", "a", "c"}, {"c", "b", "a"}),
        (matrix, np.asfortranarray(matrix)),
        (matrix, matrix[:, ::-1][:, ::-1]),
        (Model(1), Model(2)),  # attributes are dependencies of their own
        (Model(1).grow, Model(2).grow),
    ],
    ids=lambda value: type(value).__name__,
)
def test_equal_content_has_equal_fingerprints(one, two):
    assert fingerprint(one) == fingerprint(two)


def test_containers_that_hold_themselves():
    one, two = [1], [2]
    one.append(one)
    two.append(two)
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(one) == fingerprint(one)


def made(text, filename="<made>"):
    scope = {"__name__": "made"}
    exec(compile(text, filename, "exec"), scope)
    return scope["f"]


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x * 2.0\n",
        "def f(x):\n    return x + 3.0\n",
        "def f(x):\n    return x + 2\n",
        "def f(y):\n    return y + 2.0\n",
        "def f(x):\n    return x + (lambda: 2.0)()\n",
        "def f(x, k=1):\n    return x + 2.0\n",
        "async def f(x):\n    return x + 2.0\n",
    ],
)
def test_functions_without_source_are_known_by_their_code(other):
    f = made("def f(x):\n    return x + 2.0\n")
    assert fingerprint(f) != fingerprint(made(other))
    assert fingerprint(f) == fingerprint(made("\n\n# moved\ndef f(x):\n    return x + 2.0\n"))


def test_a_comment_counts_because_generated_files_quote_it(tmp_path):
    texts = ["def f(x):\n    return x + 1\n", "def f(x):\n    return x + 1  # one\n"]
    found = []
    for number, text in enumerate(texts):
        path = tmp_path / f"made{number}.py"
        path.write_text(text)
        found.append(fingerprint(made(text, str(path))))
    assert len(set(found)) == 2


def test_a_file_edited_under_a_running_function_changes_it(tmp_path):
    path = tmp_path / "made.py"
    path.write_text("def f(x):\n    return x + 1\n")
    f = made(path.read_text(), str(path))
    before = fingerprint(f)
    path.write_text("def f(x):\n    return x + 2.5\n")
    after = fingerprint(f)
    assert before != after
    assert after != fingerprint(made(path.read_text(), str(path)))  # which runs the new text


def test_indentation_does_not_count(tmp_path):
    inner = tmp_path / "inner.py"
    outer = tmp_path / "outer.py"
    outer.write_text("def f(x):\n    return x + 1\n")
    inner.write_text("if True:\n    def f(x):\n        return x + 1\n")
    one, two = (made(path.read_text(), str(path)) for path in (outer, inner))
    assert fingerprint(one) == fingerprint(two)


def test_nobody_passes_for_a_function_of_a_library():
    def mean(x):
        return x + 1

    def mean_two(x):
        return x + 2

    for function in (mean, mean_two):
        function.__module__, function.__qualname__ = "numpy", "mean"
    assert fingerprint(mean) != fingerprint(mean_two)


def test_versions_of_libraries_count(monkeypatch):
    before = fingerprint(np), fingerprint(np.mean), fingerprint(np.linalg.norm)
    monkeypatch.setattr(np, "__version__", "0.0")
    after = fingerprint(np), fingerprint(np.mean), fingerprint(np.linalg.norm)
    assert all(b != a for b, a in zip(before, after, strict=True))


def test_classes_without_source_are_known_by_their_methods():
    one, two = (
        type("Made", (), {"step": made(f"def f(self, x):\n    return x + {k}\n")}) for k in (1, 2)
    )
    assert fingerprint(one) != fingerprint(two)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, True),
        ((1, ("a", None)), True),
        ((1, [2]), False),
        (frozenset({1}), True),
        (np.float64(1), True),
        (matrix, False),
        ({}, False),
        (np, True),
        (len, True),
        (lambda x: x, True),
        (lambda x, k=(1, 2): x, True),
        (lambda x, k=[]: x, False),
        (lambda x, *, k=1: x, False),
        (functools.partial(len), False),
        (Point([], 1), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_can_change_in_place(value, expected):
    assert is_immutable(value) is expected


def loss(x, k=1.0):
    return k * x


def test_the_primary_key_covers_all_its_parts():
    def other(x, k=1.0):
        return k * x

    same = ("x: f8[n]", "threads=1", "d", {"numba": "1"})
    key = primary_key(loss, *same)
    assert len(key) == 64
    assert int(key, 16) >= 0
    keys = [
        key,
        primary_key(other, *same),
        primary_key(functools.partial(loss, k=2.0), *same),
        primary_key(loss, "x: f4[n]", *same[1:]),
        primary_key(loss, same[0], "threads=2", *same[2:]),
        primary_key(loss, *same[:2], "e", same[3]),
        primary_key(loss, *same[:3], {"numba": "2"}),
    ]
    assert len(set(keys)) == len(keys)
    assert primary_key(loss, *same[:3], {"a": "1", "b": "2"}) == primary_key(
        loss, *same[:3], {"b": "2", "a": "1"}
    )


def test_fingerprints_are_the_same_in_every_process(tmp_path):
    (tmp_path / "user.py").write_text(
        "import numpy as np\n"
        "names = {'a', 'b', 'c', 'd'}\n"
        "class Model:\n    rate = 1\n    def step(self): return self.rate\n"
        "def f(x, k=(1, 2.0)):\n"
        "    return [i for i in x if i in {'u', 'v', 'w', None}] + [np.sin(k[0])]\n"
    )
    script = (
        "import user; from codegen_ad.runtime.fingerprint import *\n"
        "print([fingerprint(v) for v in (user.f, user.names, user.Model, user.np.mean)])\n"
        "print(primary_key(user.f, 's', 'o', 't', {}))\n"
    )
    root = str(Path(module.__file__).parents[2])
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": f"{tmp_path}:{root}", "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1
