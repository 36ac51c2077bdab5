"""How errors print, and that they survive the way between processes."""

import os
import pickle

import pytest

from codegen_ad import errors
from codegen_ad.source import Location

LINE = "    rates = [fetch_rate(t) for t in times]"
WHERE = Location("examples/growth.py", 12, 13, 23, "loss", LINE)
MESSAGE = (
    "codegen_ad cannot see into `fetch_rate`: it has no Python source "
    "(it is a built-in or a compiled extension).\n"
    "Compute it outside the function and pass the result in, or give its derivative with "
    "@codegen_ad.custom_derivative."
)
PAGE = f"""\
examples/growth.py:12, in loss
    rates = [fetch_rate(t) for t in times]
             ^^^^^^^^^^
{MESSAGE}"""

OF_THE_SOURCE = (
    errors.UnsupportedSyntax,
    errors.UnknownFunction,
    errors.ShapeMismatch,
    errors.NotDifferentiable,
)


@pytest.mark.parametrize("kind", OF_THE_SOURCE)
def test_an_error_of_the_source_is_a_small_page(kind):
    assert str(kind(MESSAGE, where=WHERE)) == PAGE
    assert str(kind(MESSAGE)) == MESSAGE


@pytest.mark.parametrize(
    ("text", "start", "end", "shown"),
    [
        ("\tx = f(y)\n", 5, 9, "    x = f(y)\n        ^^^^"),
        ("if a:\tx = f(y)", 10, 14, "    if a:\tx = f(y)\n         \t    ^^^^"),
        ("x = f(", 4, 80, "    x = f(\n        ^^"),
        ("x", 0, 0, "    x\n    ^"),
        ("", 0, 0, "    \n    ^"),
    ],
)
def test_the_caret_stands_under_what_is_meant(text, start, end, shown):
    where = Location("f.py", 1, start, end, "f", text)
    assert str(errors.UnsupportedSyntax("No.", where=where)) == f"f.py:1, in f\n{shown}\nNo."


def test_files_are_named_as_seen_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = Location(str(tmp_path / "a" / "f.py"), 1, 0, 1, "f", "x")
    outside = Location(str(tmp_path.parent / "f.py"), 1, 0, 1, "f", "x")
    cell = Location("<ipython-input-1>", 1, 0, 1, "f", "x")
    first = [str(errors.ShapeMismatch("", where=w)).split(":1,")[0] for w in (inside, cell)]
    assert first == [os.path.join("a", "f.py"), "<ipython-input-1>"]
    assert str(errors.ShapeMismatch("", where=outside)).startswith(str(tmp_path.parent))


def test_a_missing_package_names_the_extra_that_installs_it():
    error = errors.MissingDependency("scipy", "blas", "for matrix products")
    assert str(error) == (
        "`scipy` is needed for matrix products, and it is not installed.\n"
        'Install it with: pip install "codegen_ad[blas]"'
    )


def test_an_internal_error_asks_for_a_report_and_shows_the_program():
    page = str(errors.InternalError("%1 has no type", "program(%x: f8) { return %x }\n"))
    assert "a mistake in codegen_ad, not in your code: %1 has no type" in page
    assert "Please report it" in page
    assert page.endswith("\n\nprogram(%x: f8) { return %x }")
    assert "\n\n" not in str(errors.InternalError("%1 has no type"))


@pytest.mark.parametrize(
    "error",
    [
        *(kind(MESSAGE, where=WHERE) for kind in OF_THE_SOURCE),
        errors.UnsupportedSyntax(MESSAGE),
        errors.InvalidArgument("`x` is missing."),
        errors.MissingDependency("scipy", "blas", "for matrix products"),
        errors.UnsafeCacheFolder("no"),
        errors.InternalError("no", "program"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert isinstance(copy, errors.CodegenError)


def test_errors_are_also_what_python_calls_them():
    assert issubclass(errors.InvalidArgument, ValueError)
    assert issubclass(errors.MissingDependency, ImportError)
    assert issubclass(errors.CacheWarning, UserWarning)
    assert not issubclass(errors.CacheWarning, errors.CodegenError)
