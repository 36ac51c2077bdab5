"""`codegen-ad cache`, `doctor` and `ops`, and the group that they belong to."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from codegen_ad import differentiate
from codegen_ad.cli.commands import commands
from codegen_ad.ops import BY_NAME


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kernels"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(path))
    return path


def test_the_cache_is_described_and_cleared(folder: Path) -> None:
    def squares(x):
        return np.sum(x * x)

    assert run("cache", "path").output == f"{folder}\n"
    differentiate(squares).grad(np.ones(3))
    text = run("cache", "info").output
    assert f"folder   {folder}\nkernels  1\n" in text
    assert "  squares: 1\n" in text
    assert run("cache", "clear").output == "removed 1 kernel\n"
    assert run("cache", "clear").output == "removed 0 kernels\n"
    assert "kernels  0\nsize     0 bytes\n" in run("cache", "info").output


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    folder.chmod(0o777)
    result = run("cache", "info")
    assert result.exit_code == 1
    assert "others may write to it" in result.output
    assert "Traceback" not in result.output
    result = run("doctor")
    assert result.exit_code == 1
    assert "refused" in result.output
    assert "problem: " in result.output


def test_the_doctor_finds_what_is_there(folder: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    for part in ("Python", "Packages", "numba ", "Processor", "BLAS", "Cache", str(folder), "GPU"):
        assert part in result.output
    assert result.output.endswith("No problems found.\n")


def test_every_operation_is_listed() -> None:
    text = run("ops").output
    listed = {row.partition("(")[0].partition(":")[0] for row in text.splitlines()
              if not row.startswith(" ")}  # fmt: skip
    assert set(BY_NAME) <= listed
    assert "tanh(x) = math.tanh(x)\n    d/dx = 1 - square(out)\n" in text


def test_operations_by_part_of_the_name() -> None:
    assert run("ops", "log1p").output == "log1p(x) = math.log1p(x)\n    d/dx = 1 / (x + 1)\n"
    result = run("ops", "zzz")
    assert result.exit_code == 2
    assert "no operation's name contains 'zzz'" in result.output


def test_help_names_all_commands() -> None:
    text = run("--help").output
    for name in ("show", "fit", "cache", "doctor", "ops"):
        assert f"\n  {name} " in text
        assert run(name, "--help").exit_code == 0


def test_in_a_process() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "codegen_ad", "ops", "sin"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stderr
    assert "d/dx = cos(x)" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    root = Path(__file__).resolve().parents[2]
    code = (
        "import sys\nfrom codegen_ad.cli.commands import commands\n"
        "commands(['--help'], standalone_mode=False)\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
    assert not set(done.stdout.split()) & {"numba", "sympy", "jinja2", "rich", "scipy", "numpy"}
