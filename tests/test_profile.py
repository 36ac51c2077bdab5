"""The profiler: two measurements, a table in three forms, and a trace."""

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument
from codegen_ad.profile import Profile, Row


def notes(x):
    y = np.multiply(x, 4) + 2
    z = 8 * (y**2)
    return z.mean()


def recurrence(w, x):
    h = 0.0
    for t in range(x.shape[0]):
        h = np.tanh(w * h + x[t])
    return h


@pytest.fixture(scope="module")
def profile() -> Profile:
    return differentiate(notes).profile(np.ones((200, 200)), repeat=5)


def row(profile: Profile, name: str, line: int) -> Row:
    (found,) = (r for r in profile.rows if (r.name, r.line) == (name, line))
    return found


def test_there_is_a_row_for_each_operation_of_the_user(profile: Profile) -> None:
    forward = {(r.name, r.line) for r in profile.rows if r.forward}
    assert {("multiply", 2), ("add", 2), ("power", 3), ("mean", 4)} <= forward
    assert not {r.name for r in profile.rows} & {"constant", "reshape", "cast", "sum", "size"}
    assert row(profile, "add", 2).source == "y = np.multiply(x, 4) + 2"


def test_rows_are_sorted_and_add_up(profile: Profile) -> None:
    times = [r.self_time for r in profile.rows]
    assert times == sorted(times, reverse=True)
    assert sum(r.share for r in profile.rows) == pytest.approx(1.0)
    for r in profile.rows:
        assert r.self_time == pytest.approx(r.forward + r.gradient)
        assert r.total_time >= r.self_time > 0
        assert r.average == pytest.approx(r.total_time / r.calls)


def test_value_and_gradient_are_told_apart(profile: Profile) -> None:
    assert row(profile, "mean", 4).gradient == 0
    assert row(profile, "mean", 4).calls == 1
    assert any(r.gradient for r in profile.rows)


def test_compiled_kernels_are_measured_as_they_run(profile: Profile) -> None:
    assert [t.name for t in profile.kernels] == ["value_and_grad", "value"]
    for timing in profile.kernels:
        assert 0 < timing.best <= timing.median
        assert timing.runs == 5
    assert profile.runs == 5


def test_nodes_inside_a_loop_are_counted() -> None:
    profile = differentiate(recurrence).profile(0.5, np.linspace(0.0, 1.0, 7), repeat=2)
    assert row(profile, "tanh", 4).calls >= 7
    loop = row(profile, "for", 3)
    assert loop.total_time > loop.self_time
    inside = sum(r.self_time for r in profile.rows if r is not loop)
    assert loop.total_time >= inside - row_of_size(profile)


def row_of_size(profile: Profile) -> float:
    """Time of what stands outside the loop."""
    return sum(r.self_time for r in profile.rows if r.calls == 1)


def test_a_contraction_is_called_as_the_user_calls_it() -> None:
    def loss(w, X, y):
        return ((X @ w - y) ** 2).sum()

    found = differentiate(loss).profile(np.ones(3), np.ones((50, 3)), np.ones(50), repeat=1)
    assert {"matmul", "subtract", "power", "sum"} <= {r.name for r in found.rows}


def test_it_prints_as_a_table(profile: Profile) -> None:
    text = str(profile)
    assert text.startswith("Profile of notes\n(a) Compiled and fused: value_and_grad ")
    assert "unfused" in text
    header, below, first, *_ = text.splitlines()[4:]
    assert header.split()[:3] == ["operation", "line", "self"]
    assert set(below) == {"-", " "}
    assert first.split()[0] == profile.rows[0].name


def test_it_prints_in_a_terminal_and_a_notebook(profile: Profile) -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(profile)
    assert "gradient" in out.getvalue()
    assert "mean" in out.getvalue()
    html = profile._repr_html_()
    assert html.count("<tr>") == len(profile.rows) + 1
    assert "<td>mean</td>" in html


def test_a_trace_opens_in_a_browser(profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    profile.export_chrome_trace(path)
    trace = json.loads(path.read_text(encoding="utf-8"))
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"} == set(events[0])
    assert {e["cat"] for e in events} == {"forward", "gradient", "kernel"}
    own = [e for e in events if e["tid"] == 1]
    assert len(own) == len(profile.events)
    assert [e["ts"] for e in own] == sorted(e["ts"] for e in own)
    assert all(e["dur"] >= 0 for e in events)


def test_events_of_a_loop_lie_within_it() -> None:
    profile = differentiate(recurrence).profile(0.5, np.ones(3), repeat=1)
    loops = [e for e in profile.events if e.name == "for"]
    (first, *_) = sorted(loops, key=lambda e: e.start)
    inside = [e for e in profile.events if e.line == 4 and not e.is_gradient]
    assert inside
    for event in inside:
        assert first.start <= event.start
        assert event.start + event.seconds <= first.start + first.seconds


def test_a_long_program_is_not_run_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codegen_ad.profile.measure.LONGEST_SECONDS", 0.0)
    started = time.perf_counter()
    profile = differentiate(notes).profile(np.ones((10, 10)), repeat=1000)
    assert profile.runs == 1
    assert time.perf_counter() - started < 60


def test_it_needs_a_run() -> None:
    with pytest.raises(InvalidArgument, match="repeat=0: at least one run is needed"):
        differentiate(notes).profile(np.ones((2, 2)), repeat=0)
