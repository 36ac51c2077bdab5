"""Entries on disk: found again, checked, rebuilt when damaged, safe against races."""

import json
import os
import subprocess
import sys
import warnings

import pytest

from codegen_ad.errors import CacheWarning, UnsafeCacheFolder
from codegen_ad.runtime import folder
from codegen_ad.runtime.store import Store

PRIMARY, DEPS, OTHER = "a" * 64, "b" * 64, "c" * 64
SOURCE = "def loss():\n    return 'ä'\n"
SAVE = ("loss", PRIMARY, DEPS, SOURCE, {"line": 3})


@pytest.fixture
def kept(tmp_path):
    return Store(tmp_path / "cache")


def test_what_was_saved_is_found(kept):
    saved = kept.save(*SAVE)
    assert saved.stem == f"loss_{'a' * 12}_{'b' * 12}"
    assert saved.source_path.read_bytes() == SOURCE.encode()
    assert saved.metadata["line"] == 3
    assert saved.metadata["generator"] == "codegen_ad"
    assert saved.metadata["length"] == len(SOURCE.encode())
    assert kept.candidates("loss", PRIMARY) == [saved]
    assert kept.entries() == [saved]


def test_same_input_same_bytes(kept, tmp_path):
    one = kept.save(*SAVE).source_path.with_suffix(".json").read_bytes()
    two = Store(tmp_path / "two").save(*SAVE).source_path.with_suffix(".json").read_bytes()
    assert one == two


def test_nothing_is_found_where_nothing_is(kept):
    assert kept.candidates("loss", PRIMARY) == []
    assert kept.entries() == []
    assert kept.size_in_bytes() == 0
    assert kept.clear() == 0


def test_newest_first(kept):
    old = kept.save(*SAVE)
    new = kept.save("loss", PRIMARY, OTHER, SOURCE, {})
    for entry, seconds in ((old, 1000), (new, 2000)):
        os.utime(entry.source_path.with_suffix(".json"), (seconds, seconds))
    assert kept.candidates("loss", PRIMARY) == [new, old]


def test_the_whole_keys_are_compared(kept):
    kept.save(*SAVE)
    assert kept.candidates("loss", PRIMARY[:12] + "0" * 52) == []
    assert kept.candidates("los", PRIMARY) == []


def test_names_become_file_names(kept):
    entry = kept.save("<lambda>", PRIMARY, DEPS, SOURCE, {})
    assert entry.stem.startswith("lambda_")
    assert kept.candidates("<lambda>", PRIMARY) == [entry]
    assert kept.candidates("lambda", PRIMARY) == []  # same file name, another function
    assert kept.save("δ", PRIMARY, DEPS, SOURCE, {}).stem.startswith("function_")


def damage(kept, how):
    entry = kept.save(*SAVE)
    path = entry.source_path
    notes = path.with_suffix(".json")
    match how:
        case "truncated source":
            path.write_bytes(path.read_bytes()[:10])
        case "empty source":
            path.write_bytes(b"")
        case "edited source":
            path.write_bytes(path.read_bytes().replace(b"loss", b"boss"))
        case "missing source":
            path.unlink()
        case "truncated notes":
            notes.write_bytes(notes.read_bytes()[:20])
        case "garbage notes":
            notes.write_bytes(b"\xff\x00 not json")
        case "foreign notes":
            notes.write_text('{"name": "somebody else\'s"}')
        case "list as notes":
            notes.write_text("[1, 2]")
        case "other format":
            notes.write_text(json.dumps({**entry.metadata, "format": 0}))
        case "renamed":
            notes.write_text(json.dumps({**entry.metadata, "deps": OTHER}))
    return path if "source" in how else notes


DAMAGES = [
    "truncated source",
    "empty source",
    "edited source",
    "missing source",
    "truncated notes",
    "garbage notes",
    "foreign notes",
    "list as notes",
    "other format",
    "renamed",
]


@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_reported_once_and_mended(kept, how):
    damaged = damage(kept, how)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kept.entries() == []  # a listing reports nothing and removes nothing
    with pytest.warns(CacheWarning) as caught:
        found = kept.candidates("loss", PRIMARY), kept.candidates("loss", PRIMARY)
    assert found == ([], [])
    assert len(caught) == 1
    message = str(caught[0].message)
    assert str(damaged) in message
    assert message.endswith("it will be rebuilt")
    saved = kept.save(*SAVE)
    assert kept.candidates("loss", PRIMARY) == [saved]


def test_one_damaged_entry_does_not_hide_another(kept):
    good = kept.save("loss", PRIMARY, OTHER, SOURCE, {})
    damage(kept, "edited source")
    with pytest.warns(CacheWarning):
        assert kept.candidates("loss", PRIMARY) == [good]


def test_an_entry_that_is_being_written_is_no_entry_yet(kept):
    kept.save(*SAVE).source_path.with_suffix(".json").unlink()
    assert kept.candidates("loss", PRIMARY) == []


def test_an_entry_removed_while_it_is_read_is_not_reported(kept, monkeypatch):
    entry = kept.save(*SAVE)
    listed = kept._metadata_files("")
    kept.clear()
    monkeypatch.setattr(kept, "_metadata_files", lambda prefix: listed)
    assert kept.candidates("loss", PRIMARY) == []
    assert not entry.source_path.exists()


@pytest.mark.skipif(os.name != "posix", reason="the platform has no permission bits")
@pytest.mark.parametrize("what", [".py", ".json", "folder", "__pycache__"])
def test_what_others_may_write_to_is_refused(kept, what):
    entry = kept.save(*SAVE)
    match what:
        case "folder":
            path = kept.folder
        case "__pycache__":
            path = kept.folder / what
        case _:
            path = entry.source_path.with_suffix(what)
    path.chmod(path.stat().st_mode | 0o020)
    with pytest.raises(UnsafeCacheFolder) as caught:
        Store(kept.folder).candidates("loss", PRIMARY)
    assert f"chmod go-w '{path}'" in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="the platform has no permission bits")
def test_files_are_for_their_owner_only_whatever_the_umask(kept):
    before = os.umask(0)
    try:
        entry = kept.save(*SAVE)
    finally:
        os.umask(before)
    for path in (kept.folder, entry.source_path, *kept.folder.iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_clear_removes_entries_and_machine_code_and_nothing_else(kept):
    entry = kept.save(*SAVE)
    kept.save("loss", PRIMARY, OTHER, SOURCE, {})
    machine = kept.folder / "__pycache__"
    ours = machine / f"{entry.stem}.loss-3.py311.1.nbc"
    ours.write_bytes(b"x" * 100)
    others = [kept.folder / "notes.txt", kept.folder / "model.py", machine / "model.loss.nbi"]
    for path in others:
        path.write_text("mine")
    assert kept.size_in_bytes() > 100
    assert kept.clear() == 2
    assert kept.size_in_bytes() == 0
    assert sorted(p for p in kept.folder.rglob("*") if p.is_file()) == sorted(others)


def test_clear_leaves_what_is_being_written_and_takes_what_was_abandoned(kept):
    kept.save(*SAVE)
    young, old = kept.folder / ".codegen_ad-young", kept.folder / ".codegen_ad-old"
    young.write_text("")
    old.write_text("")
    os.utime(old, (1000, 1000))
    kept.clear()
    assert list(kept.folder.iterdir()) == [young]


def test_a_failed_write_leaves_nothing_behind(kept, monkeypatch):
    kept.save(*SAVE)
    before = sorted(kept.folder.rglob("*"))

    def refuse(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.os, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        folder.replace_content(kept.folder / "loss.py", b"")
    assert sorted(kept.folder.rglob("*")) == before


def test_a_folder_lost_on_the_way_is_replaced_by_a_private_one(tmp_path):
    (tmp_path / "file").write_text("")
    folder.private_folder.cache_clear()
    kept = Store(tmp_path / "file" / "cache")
    with pytest.warns(CacheWarning, match="generated kernels cannot be kept") as caught:
        saved, again = kept.save(*SAVE), kept.save(*SAVE)
    assert saved == again
    folder.private_folder.cache_clear()
    assert len(caught) == 1
    assert saved.source_path.read_text(encoding="utf-8") == SOURCE


TWENTIETH = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("error")
from codegen_ad.runtime.load import load
from codegen_ad.runtime.store import Store
sys.stdin.read(1)
store = Store(Path(sys.argv[1]))
source = "def answer():\\n    return 42\\n" + "# padding\\n" * 20000
for _ in range(5):
    for entry in store.candidates("answer", "a" * 64):
        assert load(entry).answer() == 42
    assert load(store.save("answer", "a" * 64, "b" * 64, source, {})).answer() == 42
print(len(store.candidates("answer", "a" * 64)))
"""


def test_twenty_processes_at_once(tmp_path):
    command = [sys.executable, "-c", TWENTIETH, str(tmp_path / "cache")]
    pipe = subprocess.PIPE
    racers = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for _ in range(20)
    ]
    for racer in racers:  # all have been started when the first one is let go
        racer.stdin.write("x")
        racer.stdin.flush()
    results = [racer.communicate() for racer in racers]
    assert results == [("1\n", "")] * 20
    names = sorted(path.name for path in (tmp_path / "cache").iterdir())
    stem = f"answer_{'a' * 12}_{'b' * 12}"
    assert names == ["__pycache__", f"{stem}.json", f"{stem}.py"]
