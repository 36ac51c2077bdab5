"""The golden fixture itself: compares, rewrites, removes orphans, and never passes a change."""

from pathlib import Path

import pytest

TEST = """
def test_kernel(golden):
    golden.check("case/kernel.txt", "new\\n")

def test_gallery(golden):
    golden.check("generated/gallery.txt", "gallery\\n")
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Small repository whose tests use this repository's conftest."""
    for folder in ("tests/golden/case", "generated"):
        (pytester.path / folder).mkdir(parents=True)
    conftest = (Path(__file__).parent / "conftest.py").read_text()
    (pytester.path / "tests/conftest.py").write_text(conftest)
    (pytester.path / "tests/test_cases.py").write_text(TEST)
    (pytester.path / "tests/golden/case/kernel.txt").write_text("new\n")
    (pytester.path / "generated/gallery.txt").write_text("gallery\n")
    pytester.makeini("[pytest]\ntestpaths = tests\nmarkers =\n    golden: golden files")
    return pytester


def test_equal_text_passes(suite: pytest.Pytester) -> None:
    result = suite.runpytest()
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK


def test_tests_of_golden_files_carry_the_mark(suite: pytest.Pytester) -> None:
    suite.runpytest("-m", "golden").assert_outcomes(passed=2)


def test_a_difference_fails_and_shows_the_diff(suite: pytest.Pytester) -> None:
    (suite.path / "tests/golden/case/kernel.txt").write_text("old\n")
    result = suite.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*tests/golden/case/kernel.txt differs*--update-golden*", "-old"])
    assert (suite.path / "tests/golden/case/kernel.txt").read_text() == "old\n"


def test_a_missing_file_fails(suite: pytest.Pytester) -> None:
    (suite.path / "generated/gallery.txt").unlink()
    result = suite.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*generated/gallery.txt does not exist*"])


def test_an_orphan_fails_a_whole_run_only(suite: pytest.Pytester) -> None:
    (suite.path / "tests/golden/case/gone.txt").write_text("gone\n")
    (suite.path / "tests/golden/README.md").write_text("written by hand\n")
    result = suite.runpytest()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["no test makes this file: tests/golden/case/gone.txt"])
    result.stdout.no_fnmatch_line("*golden/README.md*")
    assert suite.runpytest("tests/test_cases.py").ret == pytest.ExitCode.OK
    assert suite.runpytest("-k", "kernel").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_update_rewrites_removes_lists_and_fails(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    golden = suite.path / "tests/golden/case"
    (golden / "kernel.txt").write_text("old\n")
    (golden / "gone.txt").write_text("gone\n")
    result = suite.runpytest("--update-golden", *workers)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["rewritten: tests/golden/case/kernel.txt", "removed: tests/golden/case/gone.txt"]
    )
    assert (golden / "kernel.txt").read_text() == "new\n"
    assert not (golden / "gone.txt").exists()
    assert suite.runpytest(*workers).ret == pytest.ExitCode.OK


def test_update_keeps_files_of_tests_that_did_not_finish(suite: pytest.Pytester) -> None:
    with (suite.path / "tests/test_cases.py").open("a") as file:
        file.write("\ndef test_broken(golden):\n    1 / 0\n    golden.check('broken.txt', '')\n")
    (suite.path / "tests/golden/broken.txt").write_text("kept\n")
    result = suite.runpytest("--update-golden")
    result.assert_outcomes(passed=2, failed=1)
    assert (suite.path / "tests/golden/broken.txt").exists()


def test_update_without_a_change_passes(suite: pytest.Pytester) -> None:
    assert suite.runpytest("--update-golden").ret == pytest.ExitCode.OK


def test_a_path_stays_inside(suite: pytest.Pytester) -> None:
    (suite.path / "tests/test_cases.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('path', ['../x', '/x', ''])\n"
        "def test_path(golden, path):\n"
        "    with pytest.raises(ValueError, match='stays in its folder'):\n"
        "        golden.check(path, '')\n"
    )
    suite.runpytest("-k", "test_path").assert_outcomes(passed=3)


def test_the_cache_of_a_run_is_private_and_goes_away(
    suite: pytest.Pytester, cache_folder: Path
) -> None:
    (suite.path / "tests/test_cases.py").write_text(
        "import os, pathlib\n\n"
        "def test_cache(cache_folder):\n"
        "    assert os.environ['CODEGEN_AD_CACHE'] == str(cache_folder)\n"
        "    assert cache_folder.stat().st_mode & 0o777 == 0o700\n"
        "    pathlib.Path('where').write_text(str(cache_folder))\n"
    )
    suite.runpytest("-k", "test_cache").assert_outcomes(passed=1)
    inner = Path((suite.path / "where").read_text())
    assert inner != cache_folder
    assert not inner.exists()
    assert cache_folder.exists()
