"""What a plain run leaves out, and that a thorough one takes all."""

from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.every(3)
@pytest.mark.parametrize("n", range(7))
def test_many(n):
    assert n % 3 == 0

@pytest.mark.every(2)
@pytest.mark.parametrize("n", range(4))
def test_others(n):
    pass

@pytest.mark.thorough
def test_long():
    pass

@pytest.mark.thorough
def test_of_a_file(golden):
    golden.check("kernel.txt", "new")
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A few tests that use this repository's conftest."""
    (pytester.path / "tests/golden").mkdir(parents=True)
    conftest = (Path(__file__).parent / "conftest.py").read_text()
    (pytester.path / "tests/conftest.py").write_text(conftest)
    (pytester.path / "tests/test_few.py").write_text(TESTS)
    (pytester.path / "tests/golden/kernel.txt").write_text("new")
    marks = "\n".join(f"    {mark}" for mark in ("every(n)", "golden", "thorough"))
    pytester.makeini(f"[pytest]\ntestpaths = tests\nmarkers =\n{marks}")
    return pytester


def test_a_plain_run_takes_each_nth_and_all_golden_files(suite: pytest.Pytester) -> None:
    suite.runpytest().assert_outcomes(passed=3 + 2 + 1, deselected=4 + 2 + 1)


def test_a_thorough_run_takes_all(suite: pytest.Pytester) -> None:
    suite.runpytest("--thorough").assert_outcomes(passed=3 + 4 + 2, failed=4)


def test_a_test_that_is_named_runs(suite: pytest.Pytester) -> None:
    suite.runpytest("tests/test_few.py::test_long").assert_outcomes(passed=1)


def test_golden_files_that_nothing_makes_are_told_all_the_same(suite: pytest.Pytester) -> None:
    (suite.path / "tests/golden/gone.txt").write_text("gone")
    result = suite.runpytest()
    result.stdout.fnmatch_lines(["no test makes this file: tests/golden/gone.txt"])
