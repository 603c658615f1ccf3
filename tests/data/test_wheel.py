"""Fetching wheels: pip itself, from a folder that stands for the package index."""

import subprocess
import sys
import zipfile
from hashlib import sha256

import pytest

from loratory.data.wheel import fetch_wheel, wheel_path
from loratory.errors import ResourceError, SecurityError

TINY = "tiny-reviews==1.0"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Return a folder that pip looks into, with one small wheel; the cache is empty."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_reviews-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_reviews/data.csv", "text,label\n")
        info = "tiny_reviews-1.0.dist-info"
        metadata = (
            "Metadata-Version: 2.1\nName: tiny-reviews\nVersion: 1.0\nRequires-Dist: absent\n"
        )
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def digest(index):
    return sha256(next(index.iterdir()).read_bytes()).hexdigest()


def empty(index):
    for file in index.iterdir():
        file.unlink()


def test_a_wheel_is_fetched_once_and_without_what_it_requires(index, digest):
    path = fetch_wheel(TINY, digest)
    assert path == wheel_path(TINY, digest)
    assert sha256(path.read_bytes()).hexdigest() == digest
    empty(index)
    assert fetch_wheel(TINY, digest) == path
    assert list(path.parent.iterdir()) == [path]


def test_other_bytes_are_refused_and_not_kept(tmp_path, index):
    assert list(index.iterdir())
    with pytest.raises(SecurityError, match="serves another file") as caught:
        fetch_wheel(TINY, "0" * 64)
    assert (caught.value.code, caught.value.exit_code) == ("SEC-DIGEST", 6)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_damaged_wheel_in_the_cache_is_fetched_again(digest):
    path = fetch_wheel(TINY, digest)
    path.write_bytes(path.read_bytes()[:-1])
    assert sha256(fetch_wheel(TINY, digest).read_bytes()).hexdigest() == digest


def test_what_the_index_does_not_have_is_a_network_error_that_says_where_to_put_it(index, digest):
    empty(index)
    with pytest.raises(ResourceError, match=r"tiny-reviews==1\.0 cannot be fetched") as caught:
        fetch_wheel(TINY, digest)
    assert (caught.value.code, caught.value.exit_code) == ("RES-NETWORK", 5)
    assert str(wheel_path(TINY, digest)) in caught.value.fix
    assert "No matching distribution" in caught.value.problem


def test_an_index_that_does_not_answer_is_a_network_error(index, digest, monkeypatch):
    empty(index)
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(ResourceError, match="it cannot be reached") as caught:
        fetch_wheel(TINY, digest)
    assert caught.value.code == "RES-NETWORK"


def test_a_wheel_put_there_by_hand_needs_no_pip(index, digest):
    path = wheel_path(TINY, digest)
    path.parent.mkdir(parents=True)
    next(index.iterdir()).rename(path)
    assert fetch_wheel(TINY, digest) == path


def test_a_cache_that_cannot_be_written_is_a_disk_error(tmp_path, digest):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ResourceError, match="LORATORY_CACHE") as caught:
        fetch_wheel(TINY, digest)
    assert caught.value.code == "RES-DISK"


def test_processes_that_fetch_at_once_leave_one_whole_wheel(digest):
    code = f"from loratory.data.wheel import fetch_wheel; print(fetch_wheel({TINY!r}, {digest!r}))"
    together = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {process.communicate()[0].strip() for process in together}
    path = wheel_path(TINY, digest)
    assert said == {str(path)}
    assert list(path.parent.iterdir()) == [path]
    assert sha256(path.read_bytes()).hexdigest() == digest
