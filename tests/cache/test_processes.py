"""Kernels kept on disk: found by other processes, never stale, mended where damaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import CacheWarning, UnsafeCacheFolder

MODEL = """
import numpy as np
from codegen_ad import differentiate

SCALE = 2.0


def helper(r):
    return r * r


@differentiate
def loss(w, x, y):
    return SCALE * np.sum(helper(w[0] * x + w[1] - y))
"""

DRIVER = """
import json, sys, warnings
import numpy as np

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import model
    compiled = []
    x = np.arange(5.0)
    args = (np.array([0.5, -1.0]), x, np.sin(x))
    if "listen" in sys.argv:
        import numba.core.event as event

        class Listener(event.Listener):
            def on_start(self, e):
                compiled.append(str(e.data.get("dispatcher")))

            def on_end(self, e):
                pass

        event.register("numba:compile", Listener())
    value, gradient = model.loss.value_and_grad(*args)
heavy = ("sympy", "jinja2", "codegen_ad.frontend", "codegen_ad.derive", "codegen_ad.passes",
         "codegen_ad.plan", "codegen_ad.emit.view", "codegen_ad.build", "ast_unparse")
print(json.dumps({
    "value": value,
    "gradient": gradient.tolist(),
    "heavy": [m for m in sys.modules if m.startswith(heavy)],
    "compiled": compiled,
    "warnings": [[w.category.__name__, str(w.message)] for w in caught],
}))
"""


class Workshop:
    """A module with a loss in a folder, and processes that call it with a cache of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.write(MODEL)
        (folder / "driver.py").write_text(DRIVER)

    def write(self, text: str) -> None:
        (self.folder / "model.py").write_text(text)

    def start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "CODEGEN_AD_CACHE": str(self.cache)}
        environment["PYTHONPATH"] = os.pathsep.join([str(self.folder), *sys.path])
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return subprocess.Popen(
            [sys.executable, "driver.py", "listen"],
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self) -> dict[str, Any]:
        return finished(self.start())

    def entries(self) -> set[str]:
        return {path.stem for path in self.cache.glob("*.json")}

    def files(self) -> dict[str, int]:
        return {p.name: p.stat().st_mtime_ns for p in self.cache.rglob("*") if p.is_file()}


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(out)


def is_right(found: dict[str, Any], scale: float = 2.0) -> bool:
    x = np.arange(5.0)
    r = 0.5 * x - 1.0 - np.sin(x)
    gradient = [2 * scale * (r @ x), 2 * scale * r.sum()]
    return bool(
        np.isclose(found["value"], scale * (r @ r), rtol=1e-12)
        and np.allclose(found["gradient"], gradient, rtol=1e-12)
    )


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A workshop whose cache one process has filled."""
    shop = Workshop(tmp_path_factory.mktemp("built"))
    found = shop.run()
    assert is_right(found)
    assert found["compiled"]
    assert found["warnings"] == []
    return shop


@pytest.fixture
def filled(built: Workshop, tmp_path: Path) -> Workshop:
    """A copy of the filled workshop, in the same state: its files keep their times."""
    shop = Workshop(tmp_path)
    shutil.rmtree(shop.folder)
    shutil.copytree(built.folder, shop.folder)
    return shop


# A warm start -------------------------------------------------------------------------------------


def test_second_process_reads_and_compiles_nothing(built: Workshop):
    """No stage is imported, no function compiled, no file touched."""
    before = built.files()
    found = built.run()
    assert is_right(found)
    assert found["heavy"] == []
    assert found["compiled"] == []
    assert found["warnings"] == []
    assert built.files() == before


# Damage -------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_bytes(b'{"generator": "another"}' if path.suffix == ".json" else b"\x00foreign")


def edit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"2.0", b"9.0") if path.suffix == ".py" else content[::-1])


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("*.py", cut),
        ("*.py", edit),
        ("*.json", empty),
        ("*.json", foreign),
        ("*.nbi", cut),
        ("*.nbi", foreign),
        ("*.nbc", empty),
        ("*.nbc", edit),
    ],
)
def test_damage_is_mended_with_one_warning(
    filled: Workshop, kind: str, damage: Callable[[Path], None]
):
    """The answer is right, one warning says what was wrong, and the next process finds all well."""
    for path in filled.cache.rglob(kind):
        damage(path)
    found = filled.run()
    assert is_right(found)
    assert [category for category, _ in found["warnings"]] == ["CacheWarning"]
    assert "rebuilt" in found["warnings"][0][1]
    again = filled.run()
    assert is_right(again)
    assert again["warnings"] == []
    assert again["compiled"] == []


@pytest.mark.parametrize("kind", ["*.py", "*.nbc"])
def test_missing_files_are_made_again(filled: Workshop, kind: str):
    for path in filled.cache.rglob(kind):
        path.unlink()
    assert is_right(filled.run())
    assert filled.run()["compiled"] == []


# Folders ------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_to(shop: Workshop):
    """A path below a file: even the superuser can't write there."""
    shop.cache = shop.folder / "model.py" / "cache"
    found = shop.run()
    assert is_right(found)
    assert [category for category, _ in found["warnings"]] == ["CacheWarning"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(folder))
    with pytest.raises(UnsafeCacheFolder) as caught:
        differentiate(lambda w: np.sum(w * w)).grad(np.ones(2))
    assert str(caught.value) == (
        f"codegen_ad does not use the cache folder {folder}: others may write to it, and its "
        f"content is executed.\nIf you trust what is in it, run: chmod go-w '{folder}'\n"
        "Otherwise set CODEGEN_AD_CACHE to a folder of your own."
    )
    assert list(folder.iterdir()) == []


def test_eight_processes_at_once(shop: Workshop):
    """All start on an empty cache, and all get the right answer without a word."""
    processes = [shop.start() for _ in range(8)]
    found = [finished(process) for process in processes]
    assert all(is_right(one) for one in found)
    assert all(one["warnings"] == [] for one in found)
    assert len(shop.entries()) == 1
    assert shop.run()["compiled"] == []


# What a kernel depends on -------------------------------------------------------------------------


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("old", "new", "scale"),
    [
        ("SCALE = 2.0", "SCALE = 3.0", 3.0),
        ("return r * r", "return 1.5 * r * r", 3.0),
        ("def loss(w, x, y):", "def loss(w, x, y, extra=0.0):", 2.0),
        ("@differentiate", '@differentiate(static=("y",) * 0, taps=("r",) * 0)', 2.0),
        ("return SCALE *", "return 1.0 * SCALE *", 2.0),
    ],
    ids=["global", "helper", "default", "options alike", "body"],
)
def test_another_process_notices_a_change(filled: Workshop, old: str, new: str, scale: float):
    before = filled.entries()
    filled.write(MODEL.replace(old, new))
    found = filled.run()
    assert is_right(found, scale)
    assert found["warnings"] == []
    if "differentiate(" not in new:
        assert len(filled.entries()) == len(before) + 1
    filled.write(MODEL)
    found = filled.run()
    assert is_right(found)
    assert found["heavy"] == []


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(folder))
    return folder


def module_of(text: str, folder: Path) -> types.ModuleType:
    path = folder / f"model_{len(list(folder.glob('model_*')))}.py"
    path.write_text(text)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), vars(module))
    return module


X = np.arange(5.0)
ARGS = (np.array([0.5, -1.0]), X, np.sin(X))


def answers(loss: Any) -> list[dict[str, Any]]:
    """What the first, ordinary way and the fast way return."""
    found: list[dict[str, Any]] = []
    for _ in range(3):
        value, gradient = loss.value_and_grad(*ARGS)
        found.append({"value": value, "gradient": gradient})
    return found


def test_a_global_changed_in_the_same_process(own_cache: Path, tmp_path: Path):
    """Never stale: not even on the fast path, whatever was called before."""
    module = module_of(MODEL, tmp_path)
    for scale in (2.0, 3.0, 2.0, 5.0):
        module.SCALE = scale
        assert all(is_right(one, scale) for one in answers(module.loss))
    assert len(list(own_cache.glob("*.json"))) == 3


def test_a_helper_changed_in_the_same_process(own_cache: Path, tmp_path: Path):
    module = module_of(MODEL, tmp_path)
    assert all(is_right(one) for one in answers(module.loss))
    other = module_of(MODEL.replace("return r * r", "return 2.0 * r * r"), tmp_path)
    module.helper = other.helper
    assert all(is_right(one, 4.0) for one in answers(module.loss))


def test_a_closure_changed_in_the_same_process(own_cache: Path):
    scale = 2.0

    @differentiate
    def loss(w, x, y):
        r = w[0] * x + w[1] - y
        return scale * np.sum(r * r)

    assert all(is_right(one) for one in answers(loss))
    scale = 3.0
    assert all(is_right(one, 3.0) for one in answers(loss))


def test_a_captured_array_changed_in_place(own_cache: Path):
    """The content of an array outside is read at every call; its rank makes another kernel."""
    weights = np.full(5, 2.0)

    @differentiate
    def loss(w, x, y):
        r = w[0] * x + w[1] - y
        return np.sum(weights * r * r)

    assert all(is_right(one) for one in answers(loss))
    weights[:] = 3.0
    assert all(is_right(one, 3.0) for one in answers(loss))
    weights = np.float64(4.0)
    assert all(is_right(one, 4.0) for one in answers(loss))
    weights = np.full((1, 5), 5.0)
    assert all(is_right(one, 5.0) for one in answers(loss))


def test_lists_and_attributes_changed_in_place(own_cache: Path):
    settings = {"scale": [2.0]}
    holder = types.SimpleNamespace(power=2)

    @differentiate
    def loss(w, x, y):
        r = w[0] * x + w[1] - y
        return settings["scale"][0] * np.sum(r**holder.power)

    assert all(is_right(one) for one in answers(loss))
    settings["scale"][0] = 3.0
    assert all(is_right(one, 3.0) for one in answers(loss))
    holder.power = 4
    assert not is_right(answers(loss)[2], 3.0)
    holder.power = 2
    assert all(is_right(one, 3.0) for one in answers(loss))


def test_a_default_changed_in_the_same_process(own_cache: Path):
    def plain(w, x, y, scale=2.0):
        r = w[0] * x + w[1] - y
        return scale * np.sum(r * r)

    loss = differentiate(plain)
    assert all(is_right(one) for one in answers(loss))
    plain.__defaults__ = (3.0,)
    assert all(is_right(one, 3.0) for one in answers(loss))


def test_an_object_whose_method_is_differentiated(own_cache: Path):
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @differentiate(wrt="w")
        def loss(self, w, x, y):
            r = w[0] * x + w[1] - y
            return self.scale * np.sum(r * r)

    two, three = Model(2.0), Model(3.0)
    assert all(is_right(one) for one in answers(two.loss))
    assert all(is_right(one, 3.0) for one in answers(three.loss))
    two.scale = 5.0
    assert all(is_right(one, 5.0) for one in answers(two.loss))


def test_another_template_makes_another_entry(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from codegen_ad.emit import render
    from codegen_ad.emit.templates_folder import templates_folder

    module = module_of(MODEL, tmp_path)
    assert all(is_right(one) for one in answers(module.loss))
    copy = tmp_path / "templates"
    shutil.copytree(templates_folder(), copy)
    for template in (copy / "numba_cpu").glob("*.jinja"):
        template.write_text(template.read_text().replace("# Do not edit.", "# Do not edit this."))
    monkeypatch.setattr(render, "templates_folder", lambda: copy)
    render._environment.cache_clear()
    try:
        again = module_of(MODEL, tmp_path)
        again.loss.__wrapped__.__module__ = module.loss.__wrapped__.__module__
        assert all(is_right(one) for one in answers(again.loss))
        texts = [path.read_text() for path in own_cache.glob("*.py")]
        assert sum("# Do not edit this." in text for text in texts) == 1
        assert len(texts) == 2
    finally:
        render._environment.cache_clear()


def test_other_options_make_other_entries(own_cache: Path, tmp_path: Path):
    plain = module_of(MODEL, tmp_path).loss.__wrapped__
    differentiate(plain).value_and_grad(*ARGS)
    differentiate(plain, wrt=("w", "x")).value_and_grad(*ARGS)
    differentiate(plain, wrt="y").value_and_grad(*ARGS)
    assert len(list(own_cache.glob("*.json"))) == 3


def test_a_damaged_entry_in_the_same_process(own_cache: Path, tmp_path: Path):
    """What is loaded stays in use; a new function object finds the damage and mends it."""
    loss = module_of(MODEL, tmp_path).loss
    answers(loss)
    (path,) = own_cache.glob("*.py")
    path.write_text("raise SystemExit\n")
    assert all(is_right(one) for one in answers(loss))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert all(is_right(one) for one in answers(differentiate(loss.__wrapped__)))
    assert [w.category for w in caught] == [CacheWarning]


def test_a_default_that_chooses_a_kernel(own_cache: Path):
    def plain(w, x, y, squared=True, *, double=False):
        r = w[0] * x + w[1] - y
        factor = 2.0 if double else 1.0
        return 2.0 * factor * np.sum(r * r) if squared else np.sum(r)

    loss = differentiate(plain)
    assert all(is_right(one) for one in answers(loss))
    plain.__kwdefaults__["double"] = True
    assert all(is_right(one, 4.0) for one in answers(loss))
    plain.__defaults__ = (False,)
    assert not any(is_right(one, 4.0) for one in answers(loss))
