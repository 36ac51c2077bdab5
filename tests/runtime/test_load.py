"""Kernel files are imported as modules, and numba's machine code may be damaged."""

import inspect
import pickle
import struct
import subprocess
import sys
import textwrap
import warnings

import pytest

from codegen_ad.errors import InternalError
from codegen_ad.runtime.load import (
    PACKAGE,
    DamagedEntry,
    call_or_rebuild,
    discard_machine_code,
    load,
)
from codegen_ad.runtime.store import Store

PLAIN = "def answer():\n    return 42\n\n\ndef fail():\n    return 1 / 0\n"

KERNEL = """\
from numba import njit


@njit(cache=True, error_model="numpy")
def part(x):
    return 2.0 * x


@njit(cache=True, error_model="numpy")
def total(x):
    value = 0.0
    for i in range(x.shape[0]):
        value += part(x[i])
    return value


def total_in_threads(share, x):
    return share(total, x)
"""

IN_THREADS = "partial(kernel.total_in_threads, lambda function, x: function(x))"

RUN = """
import sys, warnings
from functools import partial
from pathlib import Path
import numpy as np
from codegen_ad.runtime.load import call_or_rebuild, load
from codegen_ad.runtime.store import Store
store = Store(Path(sys.argv[1]))
kernel = load(store.candidates("total", "a" * 64)[0])
entry = store.entries()[0]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(call_or_rebuild(entry, ENTRANCE, np.arange(4, dtype=sys.argv[2])), len(caught))
    for warning in caught:
        print(warning.category.__name__, warning.message)
"""


def save(folder, source, name="answer"):
    return Store(folder).save(name, "a" * 64, "b" * 64, source, {})


@pytest.fixture(autouse=True)
def forget_modules():
    yield
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def command_of(folder, dtype="f8", entrance="kernel.total"):
    return [sys.executable, "-c", RUN.replace("ENTRANCE", entrance), str(folder), dtype]


def run(folder, dtype="f8", entrance="kernel.total"):
    command = command_of(folder, dtype, entrance)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_kernel_is_a_real_module(tmp_path):
    entry = save(tmp_path, PLAIN)
    module = load(entry)
    assert module.answer() == 42
    assert module.__name__ == f"{PACKAGE}.{entry.stem}"
    assert module.__file__ == str(entry.source_path)
    assert sys.modules[module.__name__] is module
    assert inspect.getsource(module.answer) == "def answer():\n    return 42\n"
    assert pickle.loads(pickle.dumps(module.answer)) is module.answer
    assert pickle._loads(pickle._dumps(module.answer)) is module.answer


def test_tracebacks_show_the_line(tmp_path):
    module = load(save(tmp_path, PLAIN))
    with pytest.raises(ZeroDivisionError) as caught:
        module.fail()
    assert "return 1 / 0" in str(caught.traceback[-1].statement)


def test_no_bytecode_is_kept(tmp_path):
    load(save(tmp_path, PLAIN))
    assert list((tmp_path / "__pycache__").iterdir()) == []


def test_the_same_text_is_imported_once(tmp_path):
    entry = save(tmp_path, PLAIN)
    module = load(entry)
    assert load(Store(tmp_path).entries()[0]) is module


def test_the_same_name_from_another_folder_is_another_module(tmp_path):
    one = load(save(tmp_path / "one", PLAIN))
    two = load(save(tmp_path / "two", PLAIN.replace("42", "43")))
    assert (one.answer(), two.answer()) == (42, 43)


def test_a_file_changed_since_it_was_found_is_not_run(tmp_path):
    entry = save(tmp_path, PLAIN)
    entry.source_path.write_text(PLAIN.replace("42", "43"))
    with pytest.raises(DamagedEntry, match="is not the file that was saved"):
        load(entry)
    entry.source_path.unlink()
    with pytest.raises(DamagedEntry, match="cannot be read"):
        load(entry)
    assert f"{PACKAGE}.{entry.stem}" not in sys.modules


@pytest.mark.parametrize("source", ["import no_such_module_at_all\n", "def (:\n", "1 / 0\n"])
def test_a_kernel_that_cannot_be_imported_is_our_mistake(tmp_path, source):
    entry = save(tmp_path, source)
    with pytest.raises(InternalError, match="cannot be imported") as caught:
        load(entry)
    assert str(entry.source_path) in str(caught.value)
    assert f"{PACKAGE}.{entry.stem}" not in sys.modules


def test_errors_of_the_kernel_itself_pass_through(tmp_path):
    entry = save(tmp_path, PLAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ZeroDivisionError):
            call_or_rebuild(entry, load(entry).fail)


def test_discard_touches_the_entry_only(tmp_path):
    entry = save(tmp_path, PLAIN)
    folder = tmp_path / "__pycache__"
    for name in ("answer-1.py311.nbi", "answer-1.py311.1.nbc", "answer-1.py311.nbi.tmp.0f"):
        (folder / f"{entry.stem}.{name}").write_bytes(b"")
    other = folder / f"{entry.stem}0.answer-1.py311.nbi"
    other.write_bytes(b"")
    assert discard_machine_code(entry) == 3
    assert list(folder.iterdir()) == [other]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """An entry with machine code for float64 and float32, and the bytes of each of its files."""
    folder = tmp_path_factory.mktemp("compiled")
    save(folder, KERNEL, "total")
    assert run(folder, "f8") == ["12.0 0"]
    assert run(folder, "f4") == ["12.0 0"]
    return folder, {path: path.read_bytes() for path in (folder / "__pycache__").iterdir()}


@pytest.mark.every(3)
@pytest.mark.slow
@pytest.mark.parametrize("how", ["empty", "cut", "garbage", "zeros", "bitcode"])
@pytest.mark.parametrize("kind", [".nbi", ".nbc"])
def test_damaged_machine_code_is_rebuilt_with_one_warning(compiled, kind, how):
    folder, files = compiled
    for path, content in files.items():
        if path.suffix == kind:
            middle = len(content) // 2
            path.write_bytes(
                {
                    "empty": b"",
                    "cut": content[:middle],
                    "garbage": b"this is no pickle" * 20,
                    "zeros": bytes(len(content)),
                    "bitcode": content[:middle] + b"\xff" * 200 + content[middle + 200 :],
                }[how]
            )
        else:
            path.write_bytes(content)
    answer, warning = run(folder)
    assert answer == "12.0 1"
    assert warning.startswith("CacheWarning machine code of cached kernel")
    assert warning.endswith("it will be rebuilt")
    assert run(folder) == ["12.0 0"]


@pytest.mark.slow
@pytest.mark.parametrize("entrance", ["kernel.total", IN_THREADS])
def test_one_bit_of_a_number_in_the_machine_code_is_noticed(tmp_path, entrance):
    """Without its seal it would run, and the answer would be another."""
    source = KERNEL.replace("2.0 * x", "0.7 * x")
    Store(tmp_path).save("total", "a" * 64, "b" * 64, source, {})
    assert run(tmp_path, entrance=entrance) == [f"{0.7 + 1.4 + 0.7 * 3} 0"]
    (path,) = (tmp_path / "__pycache__").glob("*.total-*.nbc")
    content = path.read_bytes()
    place = content.index(struct.pack("<d", 0.7)) + 6
    path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
    answer, warning = run(tmp_path, entrance=entrance)
    assert answer == f"{0.7 + 1.4 + 0.7 * 3} 1"
    assert f"{path.name} is not the file that was saved" in warning
    assert run(tmp_path, entrance=entrance) == [f"{0.7 + 1.4 + 0.7 * 3} 0"]


@pytest.mark.slow
def test_damage_to_the_code_of_an_inner_function_is_found(compiled):
    folder, files = compiled
    for path, content in files.items():
        path.write_bytes(content[:50] if ".part-" in path.name else content)
        if ".total-" in path.name:
            path.unlink()
    assert run(folder)[0] == "12.0 1"
    assert run(folder) == ["12.0 0"]


@pytest.mark.slow
def test_machine_code_for_other_types_is_never_run(compiled):
    """What two processes leave that compile a function for different types at the same time."""
    folder, files = compiled
    for path in (folder / "__pycache__").iterdir():
        path.unlink()
    for path, content in files.items():
        path.write_bytes(content)
    one, two = sorted(path for path in files if ".total-" in path.name and path.suffix == ".nbc")
    one.write_bytes(files[two])
    two.write_bytes(files[one])
    answer, warning = run(folder)
    assert answer == "12.0 1"
    assert "it is for other argument types" in warning
    assert run(folder) == ["12.0 0"]


@pytest.mark.slow
def test_processes_that_compile_at_once_agree(tmp_path):
    save(tmp_path, KERNEL, "total")
    command = command_of(tmp_path)
    pipe = subprocess.PIPE
    racers = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) for _ in range(6)]
    assert [racer.communicate() for racer in racers] == [("12.0 0\n", "")] * 6
    assert run(tmp_path) == ["12.0 0"]


@pytest.mark.slow
def test_a_folder_of_numbas_own_is_found(compiled, tmp_path, monkeypatch):
    folder, _ = compiled
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert run(folder) == ["12.0 0"]
    files = list(tmp_path.rglob("*.nb?"))
    assert files
    for path in files:
        path.write_bytes(b"")
    assert run(folder)[0] == "12.0 1"
    assert run(folder) == ["12.0 0"]


def test_the_room_needs_neither_numba_nor_sympy_nor_jinja():
    script = textwrap.dedent("""
        import sys
        import codegen_ad.errors, codegen_ad.source
        import codegen_ad.runtime.load, codegen_ad.runtime.watch
        print(sorted({"numba", "sympy", "jinja2", "platformdirs"} & sys.modules.keys()))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
