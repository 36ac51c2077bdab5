"""Which cache folder is used, and which is refused."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import platformdirs
import pytest

from codegen_ad.errors import CacheWarning, UnsafeCacheFolder
from codegen_ad.runtime import folder

posix = pytest.mark.skipif(os.name != "posix", reason="the platform has no permission bits")


@pytest.fixture(autouse=True)
def no_private_folder_yet():
    folder.private_folder.cache_clear()
    yield
    folder.private_folder.cache_clear()


def test_the_variable_names_the_folder(tmp_path, monkeypatch):
    wanted = tmp_path / "a" / "b"
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(wanted))
    assert folder.open_folder() == wanted
    assert wanted.is_dir()
    assert list(wanted.iterdir()) == []


@posix
def test_a_new_folder_is_for_its_owner_only(tmp_path, monkeypatch):
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(tmp_path / "new"))
    before = os.umask(0)
    try:
        made = folder.open_folder()
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_it_is_the_users_cache_folder(tmp_path, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("CODEGEN_AD_CACHE")
    else:
        monkeypatch.setenv("CODEGEN_AD_CACHE", value)
    asked = []

    def user_cache_path(name, appauthor):
        asked.append(name)
        return tmp_path / name

    monkeypatch.setattr(platformdirs, "user_cache_path", user_cache_path)
    assert folder.open_folder() == tmp_path / "codegen_ad"
    assert asked == ["codegen_ad"]


def test_a_path_below_a_file_falls_back_with_one_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(CacheWarning, match="generated kernels cannot be kept") as caught:
        spare, again = folder.open_folder(), folder.open_folder()
    assert spare == again
    assert len(caught) == 1
    assert "CODEGEN_AD_CACHE" in str(caught[0].message)
    assert spare.is_dir()


def test_a_folder_that_cannot_be_written_to_falls_back(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system", str(tmp_path))

    monkeypatch.setenv("CODEGEN_AD_CACHE", str(tmp_path))
    monkeypatch.setattr(folder.tempfile, "TemporaryFile", refuse)
    with pytest.warns(CacheWarning, match="Read-only file system"):
        assert folder.open_folder() != tmp_path


def test_the_temporary_folder_is_gone_after_the_process(tmp_path):
    (tmp_path / "file").write_text("")
    script = "from codegen_ad.runtime.folder import open_folder; print(open_folder())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "CODEGEN_AD_CACHE": str(tmp_path / "file" / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    spare = Path(done.stdout.strip())
    assert spare.name.startswith("codegen_ad-")
    assert not spare.exists()


@posix
@pytest.mark.parametrize("bits", [0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path, monkeypatch, bits):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(bits)
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(shared))
    with pytest.raises(UnsafeCacheFolder) as caught:
        folder.open_folder()
    message = str(caught.value)
    assert str(shared) in message
    assert "its content is executed" in message
    assert f"chmod go-w '{shared}'" in message


@posix
def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(tmp_path))
    monkeypatch.setattr(folder.os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(UnsafeCacheFolder, match="belongs to another user"):
        folder.open_folder()


@posix
def test_a_folder_that_others_may_only_read_is_fine(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.setenv("CODEGEN_AD_CACHE", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert folder.open_folder() == tmp_path
