"""What is installed: the dependencies, the templates, and a console script that explains itself."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import codegen_ad
from codegen_ad.emit.templates_folder import templates_folder

ROOT = Path(__file__).resolve().parent.parent
BASE = {"numpy", "numba", "sympy", "jinja2", "platformdirs", "rich", "tqdm"}


def test_the_base_stays_small() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {requirement.split(">")[0] for requirement in project["dependencies"]} <= BASE


def test_types_are_shipped() -> None:
    assert (Path(codegen_ad.__file__).parent / "py.typed").is_file()


def test_templates_of_this_installation() -> None:
    folder = templates_folder()
    assert (folder / "README.md").is_file()


def test_templates_in_a_wheel(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "codegen_ad"
    (package / "templates").mkdir(parents=True)
    assert templates_folder(package) == package / "templates"


def test_templates_in_a_checkout(tmp_path: Path) -> None:
    (tmp_path / "codegen_ad").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "pyproject.toml").touch()
    assert templates_folder(tmp_path / "codegen_ad") == tmp_path / "templates"


def test_templates_of_a_stranger_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "site-packages" / "codegen_ad").mkdir(parents=True)
    (tmp_path / "site-packages" / "templates").mkdir()
    with pytest.raises(FileNotFoundError, match="installed without its templates"):
        templates_folder(tmp_path / "site-packages" / "codegen_ad")


def test_command_line_without_click_names_the_extra() -> None:
    code = (
        "import importlib.util as u; find = u.find_spec; "
        "u.find_spec = lambda name, *a: None if name == 'click' else find(name, *a); "
        "from codegen_ad.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert 'pip install "codegen-ad[cli]"' in result.stderr
    assert "Traceback" not in result.stderr


def test_command_line_with_click() -> None:
    command = [sys.executable, "-m", "codegen_ad", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Usage: codegen-ad")
