"""Looking inside: the text of a kernel, the stages of a build, and how they print."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument
from codegen_ad.explain import Explanation, SourceText
from codegen_ad.explain.stages import STAGES


def line(a, b, x, y):
    r = a * x + b - y
    return np.mean(r * r)


def recurrence(w, x):
    h = 0.0
    for t in range(x.shape[0]):
        h = np.tanh(w * h + x[t])
    return h


DATA = (2.0, 1.0, np.linspace(0.0, 1.0, 20), np.ones(20))


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    return differentiate(line, wrt=("a", "b")).explain(*DATA)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# The text of a kernel -----------------------------------------------------------------------------


def test_source_is_the_generated_file() -> None:
    f = differentiate(line)
    text = f.source(*DATA)
    assert isinstance(text, str)
    assert text.plain == Path(f.source_path(*DATA)).read_text(encoding="utf-8")
    assert "def line_value_and_grad(a, b, x, y):" in text


def test_without_arguments_it_is_that_of_the_last_call() -> None:
    f = differentiate(line)
    with pytest.raises(InvalidArgument, match="has not been compiled yet"):
        f.source()
    f.value_and_grad(*DATA)
    assert f.source() == f.source(*DATA)


def test_a_terminal_shows_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    text = SourceText("import math\n")
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    print(text)
    assert "\x1b[" in out.getvalue()
    assert f"{text}" == text.plain == "import math\n"
    assert text + "" == "import math\n"
    assert text.encode() == b"import math\n"


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_colours_are_switched_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, "dumb")
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert str(SourceText("import math\n")) == "import math\n"


def test_a_file_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert str(SourceText("import math\n")) == "import math\n"
    monkeypatch.setattr(sys, "stdout", None)
    assert str(SourceText("import math\n")) == "import math\n"


def test_a_notebook_shows_colours() -> None:
    text = SourceText("x = '<b>'\n")._repr_html_()
    assert "<pre" in text
    assert "&lt;b&gt;" in text
    assert "color" in text


def test_the_source_of_a_warm_start_imports_no_stage(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from model import loss\n"
        "x = np.ones(9)\n"
        "print(len(loss.source(1.0, x)) > 0)\n"
        "print(*sys.modules)\n"
    )
    (tmp_path / "model.py").write_text(
        "import numpy as np\nfrom codegen_ad import differentiate\n\n\n"
        "@differentiate\ndef loss(a, x):\n    return np.sum(a * x)\n"
    )
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    root = Path(__file__).resolve().parent.parent
    paths = os.pathsep.join(map(str, (tmp_path, root)))
    environment = {**os.environ, "CODEGEN_AD_CACHE": str(cache), "PYTHONPATH": paths}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
    modules = set(done.stdout.split())
    assert not modules & {"codegen_ad.build", "sympy", "jinja2", "rich", "pygments"}


# The stages ---------------------------------------------------------------------------------------


def test_every_stage_is_a_text(explanation: Explanation) -> None:
    assert explanation.program.startswith("program line(%a: f8, %b: f8, %x: f8[n], %y: f8[n]) {")
    assert "return value=%" in explanation.simplified
    assert "d_a=%" in explanation.gradient
    assert "d_b=%" in explanation.optimized
    assert "for i < n {" in explanation.plan
    assert "def line_value_and_grad(a, b, x, y):" in explanation.code
    assert " × " in explanation.rewrites


def test_the_code_is_what_is_compiled(explanation: Explanation) -> None:
    assert explanation.code == differentiate(line, wrt=("a", "b")).source(*DATA)


def test_it_prints_stage_by_stage(explanation: Explanation) -> None:
    text = repr(explanation)
    places = [text.index(f"── {stage}:") for stage in STAGES]
    assert places == sorted(places)
    assert str(explanation) == text
    assert "\x1b" not in text


def test_it_prints_in_a_notebook(explanation: Explanation) -> None:
    text = explanation._repr_html_()
    assert text.count("<details") == len(STAGES)


def test_one_stage_by_name(explanation: Explanation) -> None:
    assert explanation.text("plan") == explanation.plan
    with pytest.raises(InvalidArgument, match="there is no stage 'plot'; the stages are program"):
        explanation.text("plot")


def test_without_arguments_it_explains_the_last_call() -> None:
    f = differentiate(recurrence)
    with pytest.raises(InvalidArgument, match=r"recurrence\.explain"):
        f.explain()
    x = np.linspace(0.0, 1.0, 5)
    f.value_and_grad(0.5, x)
    assert f.explain().code == f.explain(0.5, x).code


def test_another_mode() -> None:
    explanation = differentiate(line).explain(*DATA, mode="value")
    assert "def line(a, b, x, y):" in explanation.code
    assert "d_a" not in explanation.optimized


# The plan -----------------------------------------------------------------------------------------


def test_a_plan_says_what_is_stored_and_why() -> None:
    plan = differentiate(recurrence).explain(0.5, np.ones(5)).plan
    (allocation,) = (row for row in plan.splitlines() if "allocate" in row)
    assert "f8[n]   ; read by the gradient of line" in allocation
    assert "# line 4: h = np.tanh(w * h + x[t])" in plan
    assert "tanh(w * " in plan


def test_a_plan_names_its_outputs() -> None:
    def scaled(w):
        return np.sum(w * w)

    plan = differentiate(scaled).explain(np.ones(20)).plan
    assert "allocate d_w: f8[n]   ; the output d_w" in plan
    assert "return value, d_w" in plan


def test_a_plan_shows_branches_and_whiles() -> None:
    def doubled(x):
        y = x
        while y * y < 100.0:
            y = y * 2.0
        if y > 0.0:
            return y
        return -3.0 * y

    plan = differentiate(doubled).explain(1.5).plan
    assert "while, counted by" in plan
    assert "leave unless" in plan
    assert "if " in plan
    assert "} else {" in plan


# LaTeX --------------------------------------------------------------------------------------------


def test_a_simple_model_is_shown_as_mathematics(explanation: Explanation) -> None:
    value, d_a, d_b = explanation.latex.splitlines()
    assert value.startswith(r"\mathrm{line} = \frac{\sum_{i=1}^{n}")
    assert r"\partial a" in d_a
    assert r"\partial b" in d_b


def test_what_is_no_formula_has_none() -> None:
    assert differentiate(recurrence).explain(0.5, np.ones(5)).latex == ""


# The switch ---------------------------------------------------------------------------------------


def test_stages_are_shown_while_building(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODEGEN_AD_SHOW", "program,plan")

    def shown(a: Any, x: Any) -> Any:
        return np.sum(a * x + 1.0)

    differentiate(shown).value_and_grad(1.0, np.ones(3))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "── program:" in captured.err
    assert "── plan:" in captured.err
    assert "── gradient:" not in captured.err


def test_a_stage_is_shown_before_the_next_one_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODEGEN_AD_SHOW", "program,gradient")

    def no_number(x: Any) -> Any:
        return x * 2.0

    with pytest.raises(Exception, match="a gradient needs one number"):
        differentiate(no_number).grad(np.ones(3))
    assert "── program:" in capsys.readouterr().err
