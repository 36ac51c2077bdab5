"""A function's text is found exactly, or the function is refused."""

import ast
import doctest
import functools
import linecache
import math
import operator
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from codegen_ad.errors import UnsupportedSyntax
from codegen_ad.source import Location, code_digest, source_of


def same(function):
    return function


def keep(number):
    return lambda function: function


def plain(x):
    """Return more.

    Odd indentation.
    """
    return x + 1  # one


@same
@keep(
    3,
)
def decorated(x):
    return x


def with_assert(x):
    assert x > 0
    return x


async def asynchronous(x):
    return x


def wrapper(function):
    @functools.wraps(function)
    def wrapped(*args):
        return function(*args)

    return wrapped


@wrapper
def wrapped_one(x):
    return x


class Model:
    rate = 1.0

    def step(self, x):
        # a comment
        text = """
        kept as it is
        """
        return self.rate * x, text, self.__secret

    @staticmethod
    def still(x):
        return x

    __secret = 1

    def parent(self):
        return super().__repr__()


def outer(k):
    def inner(x):
        return k * x

    return inner


lambdas = [lambda x: x + 1, lambda x: x + 2, lambda x: lambda y: x + y]
long_lambda = same(
    lambda x: (
        x
        + 1
    )
)  # fmt: skip
twins = [lambda x: x + 1, lambda x: x + 1]
by_default = same(lambda x, k=lambda y: y: x)


def test_a_function_in_a_file():
    found = source_of(plain)
    assert found.filename == __file__
    assert found.function == "plain"
    assert found.text == (
        "def plain(x):\n"
        '    """Return more.\n'
        "\n"
        "    Odd indentation.\n"
        '    """\n'
        "    return x + 1  # one\n"
    )
    assert linecache.getline(__file__, found.first_line) == "def plain(x):\n"
    assert found.def_line == found.first_line
    assert found.column == 0


def test_decorators_belong_to_the_text():
    found = source_of(decorated)
    assert found.text.startswith("@same\n@keep(\n")
    assert linecache.getline(__file__, found.first_line) == "@same\n"
    assert linecache.getline(__file__, found.def_line) == "def decorated(x):\n"
    assert found.parse().name == "decorated"


def test_methods_are_dedented_but_strings_are_not():
    for function in (Model.step, Model().step):
        found = source_of(function)
        assert found.function == "Model.step"
        assert found.text.startswith("def step(self, x):\n    # a comment\n    text =")
        assert "\n        kept as it is\n        " in found.text
        assert found.columns[:5] == (4, 4, 4, 0, 0)
        assert found.lines[0] == "    def step(self, x):"
    assert source_of(Model.still).text.startswith("@staticmethod\ndef still")
    assert source_of(Model.parent).text.startswith("def parent")


def test_inner_functions_have_their_own_text():
    assert source_of(outer(3)).text == "def inner(x):\n    return k * x\n"


def test_a_function_with_assert_is_found_under_pytest_too():
    assert source_of(with_assert).text.endswith("    assert x > 0\n    return x\n")


def test_asynchronous_functions_have_a_text():
    assert source_of(asynchronous).text.startswith("async def")


def test_a_wrapper_is_itself():
    assert source_of(wrapped_one).text.startswith("@functools.wraps(function)\ndef wrapped(*args)")


def test_a_lambda_is_its_expression():
    assert [source_of(f).text for f in lambdas] == [
        "lambda x: x + 1",
        "lambda x: x + 2",
        "lambda x: lambda y: x + y",
    ]
    assert source_of(lambdas[2](1)).text == "lambda y: x + y"
    assert source_of(by_default).text == "lambda x, k=lambda y: y: x"
    assert source_of(by_default.__defaults__[0]).text == "lambda y: y"
    assert [source_of(f).column for f in twins] == [9, 26]
    found = source_of(long_lambda)
    assert found.text.startswith("lambda x: (\n        x\n")
    assert isinstance(found.parse(), ast.Lambda)


def test_places_are_found_again():
    found = source_of(Model.step)
    node = found.parse()
    [product] = [n for n in ast.walk(node) if isinstance(n, ast.BinOp)]
    where = found.locate(product)
    line = "        return self.rate * x, text, self.__secret"
    assert where == Location(__file__, found.first_line + 5, 15, 28, "Model.step", line)
    assert where.text[where.column : where.end_column] == "self.rate * x"
    assert linecache.getline(__file__, where.line) == line + "\n"


def test_places_in_a_lambda_are_found_again():
    found = source_of(lambdas[1])
    where = found.locate(found.parse().body)
    assert where.text[where.column : where.end_column] == "x + 2"
    found = source_of(long_lambda)
    where = found.locate(found.parse().body)
    assert where.text[where.column : where.end_column] == "x"
    assert where.line == found.first_line + 1


def test_columns_count_characters():
    double = lambda ä: ("äöü", ä + 1)  # noqa: E731
    found = source_of(double)
    where = found.locate(found.parse().body.elts[1])
    assert where.text[where.column : where.end_column] == "ä + 1"


def in_file(tmp_path, text, name="f"):
    path = tmp_path / "user.py"
    path.write_text(text, encoding="utf-8")
    scope = {"__name__": "user"}
    exec(compile(text, str(path), "exec"), scope)
    return scope[name], path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(x): return x; y = 2", "def f(x): return x; y = 2\n"),
        ("if True:\n\tdef f(x):\n\t\treturn x\n", "def f(x):\n\treturn x\n"),
        ("if 1:\n    def f(x):\n# low\n        return x\n", "def f(x):\n# low\n    return x\n"),
        ("def f(x):\n    return x", "def f(x):\n    return x\n"),
        ("if 1:\n  def f(x):\n    return f'''\n{x}'''\n", "def f(x):\n  return f'''\n{x}'''\n"),
        ("from __future__ import annotations\ndef f(x: y): return x\n", "def f(x: y): return x\n"),
        ('if 1:\n  def f(x):\n    """a\n b"""\n', 'def f(x):\n  """a\n b"""\n'),
        ("f = lambda x: x; g = 1\n", "lambda x: x"),
        ("f = (lambda x: x)\n", "lambda x: x"),
        ("f = lambda: 0\n", "lambda: 0"),
        ("def f(x):\n    return x\n    # end\n", "def f(x):\n    return x\n"),
        ("def f(x): # pragma\n    return x # two\n", "def f(x): # pragma\n    return x # two\n"),
        ("class A:\n    def f(self): return self.__x\nf = A.f\n", "def f(self): return self.__x\n"),
    ],
)  # fmt: skip
def test_texts(tmp_path, text, expected):
    function, _ = in_file(tmp_path, text)
    found = source_of(function)
    assert found.text == expected
    assert found.parse().args.args == [] or found.parse().args.args[0].arg in ("x", "self")


def refused(function):
    with pytest.raises(UnsupportedSyntax) as caught:
        source_of(function)
    assert "codegen_ad cannot" in str(caught.value)
    return str(caught.value)


def test_a_file_changed_after_the_import_is_refused(tmp_path):
    function, path = in_file(tmp_path, "def f(x):\n    return 2.0 * x\n")
    assert "2.0" in source_of(function).text
    for text in (
        "def f(x):\n    return 3.05 * x\n",
        "\n\ndef f(x):\n    return 2.0 * x\n",
        "def f(x:\n",
        "",
    ):
        path.write_text(text)
        refused(function)
    path.write_text("def f(x):\n    return 2.0 * x  # the same\n")
    assert source_of(function).text.endswith("# the same\n")


def test_a_file_that_is_gone_is_refused(tmp_path):
    function, path = in_file(tmp_path, "def f(x):\n    return 2.0 * x\n")
    path.unlink()
    linecache.checkcache()
    assert "cannot be read" in refused(function)


@pytest.mark.parametrize("function", [len, math.sin, np.sin, np.dot, operator.add, int, 3, Model()])
def test_what_is_no_python_function_is_refused(function):
    assert "it has no Python source" in refused(function)


def test_text_that_was_executed_is_refused():
    scope = {}
    exec("def f(x): return x", scope)
    message = refused(scope["f"])
    assert "made by exec or by another tool" in message
    assert "Write the function in a file" in message


def test_lambdas_that_cannot_be_told_apart_are_refused(tmp_path):
    text = "f, g = (lambda x: x), (lambda x: x)\n"
    path = tmp_path / "user.py"
    path.write_text(text)
    script = f"""
        import sys; sys.path.insert(0, {str(tmp_path)!r})
        import user
        from codegen_ad.source import source_of
        source_of(user.g)
    """
    command = [sys.executable, "-X", "no_debug_ranges", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "cannot tell which of the functions on line 1" in done.stderr


SCRIPT = """\
from codegen_ad.source import source_of

def f(x):
    return x + 1

try:
    print(source_of(f).text, end="")
except Exception as error:
    print(error)
"""


def test_standard_input_is_refused():
    done = subprocess.run(
        [sys.executable, "-"], input=SCRIPT, capture_output=True, text=True, check=True
    )
    assert "which Python does not keep" in done.stdout


def test_a_command_has_a_text_where_python_keeps_it():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    if sys.version_info >= (3, 13):
        assert done.stdout == "def f(x):\n    return x + 1\n"
    else:
        assert "it has no Python source" in done.stdout


def test_a_doctest_has_a_text():
    examples = """
    >>> from codegen_ad.source import source_of
    >>> def f(x):
    ...     return x + 1
    >>> print(source_of(f).text)
    def f(x):
        return x + 1
    <BLANKLINE>
    """
    test = doctest.DocTestParser().get_doctest(examples, {}, "examples", "examples", 0)
    assert doctest.DocTestRunner(verbose=False).run(test) == (0, 4 - 1)


def test_a_notebook_cell_has_a_text():
    cell = "def f(x):\n    return x + 1\n\ng = lambda x: x\nawait g(1)\n"
    name = "<ipython-input-7-0123456789ab>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    scope = {}
    exec(compile(cell.replace("await ", ""), name, "exec"), scope)
    assert source_of(scope["f"]).text == "def f(x):\n    return x + 1\n"
    assert source_of(scope["g"]).text == "lambda x: x"
    assert source_of(scope["f"]).filename == name
    del linecache.cache[name]


def test_code_is_compared_by_what_it_does():
    def code(text):
        return compile(text, "a", "eval").co_consts[0]

    assert code_digest(code("lambda x: x + 1")) == code_digest(code("\n\n(lambda x:  x+1)"))
    different = [
        "lambda x: x + 1",
        "lambda x: x + 1.0",
        "lambda x: x + True",
        "lambda x: x - 1",
        "lambda y: y + 1",
        "lambda x: x + -0.0",
        "lambda x: x + 0.0",
        "lambda x: x in {1, 2}",
        "lambda x: x in {1, 3}",
        "lambda x: x in (1, 2)",
        "lambda x: (lambda: 1)",
        "lambda x: (lambda: 2)",
        "lambda x: x.a",
        "lambda x: x.b",
        "lambda x: a",
    ]
    assert len({code_digest(code(text)) for text in different}) == len(different)
