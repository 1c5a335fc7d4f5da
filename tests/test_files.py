import errno
import logging
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.errors import Busy, DamagedFile, OutputError

UNDER_LIMIT = """
import resource, signal, sys
from pathlib import Path
from pipeline import files
from pipeline.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    {call}
except OutputError as error:
    print(error)
    sys.exit(1)
"""


def python(repository, code, **options) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def test_replace_makes_folders_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a" / "b.txt"
    files.replace(path, "one\r\n潮")
    files.replace(path, "two\r\n潮")
    assert path.read_bytes() == "two\r\n潮".encode()
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("size", [4097, 100_000])
def test_replace_keeps_the_old_file_when_the_new_one_does_not_fit(repository, tmp_path, size):
    path = tmp_path / "kept.txt"
    path.write_text("old", encoding="utf-8")
    code = UNDER_LIMIT.format(call=f"files.replace(Path({str(path)!r}), 'x' * {size})")
    with python(repository, code) as process:
        said, _ = process.communicate()
    assert process.returncode == 1
    assert "run the same command again" in said
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_append_rolls_back_a_line_that_does_not_fit(repository, tmp_path):
    path = tmp_path / "kept.jsonl"
    path.write_text("1" * 4000 + "\n", encoding="utf-8")
    code = UNDER_LIMIT.format(call=f"files.append_lines(Path({str(path)!r}), ['2' * 200])")
    with python(repository, code) as process:
        process.communicate()
    assert process.returncode == 1
    assert path.read_text(encoding="utf-8") == "1" * 4000 + "\n"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_old_files_whole_and_says_so(small_disk):
    kept, log = small_disk / "kept.txt", small_disk / "log.jsonl"
    files.replace(kept, "old")
    files.append_lines(log, ["{}"])
    with pytest.raises(OutputError, match="disk is full"):
        files.replace(kept, "x" * 100_000)
    with pytest.raises(OutputError, match="disk is full"):
        files.append_lines(log, ["x" * 100_000])
    assert kept.read_text(encoding="utf-8") == "old"
    assert files.whole_lines(log) == ["{}"]
    assert sorted(p.name for p in small_disk.iterdir()) == ["kept.txt", "log.jsonl"]


def test_appended_lines_are_read_back_in_order(tmp_path):
    path = tmp_path / "a" / "log.jsonl"
    assert files.whole_lines(path) == []
    files.append_lines(path, ["一"])
    files.append_lines(path, ["b\u2028c", "d"])
    assert files.whole_lines(path) == ["一", "b\u2028c", "d"]


@given(st.lists(st.text(max_size=40), max_size=30), st.integers(1, 64))
def test_lines_are_read_backwards_whatever_the_size_of_a_block(tmp_path_factory, lines, block):
    path = tmp_path_factory.mktemp("backwards") / "log.jsonl"
    written = [line.replace("\n", "") for line in lines]
    path.write_text("".join(f"{line}\n" for line in written) + "torn", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK", block)
        assert list(files.lines_backwards(path)) == written[::-1]


def test_a_line_of_many_blocks_is_put_together_once(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"first\n" + b"\0" * 20_000_000 + b"\nlast\n")
    monkeypatch.setattr(files, "BLOCK", 100)  # copied for each of 200,000 it takes all day
    last, zeros, first = files.lines_backwards(path)
    assert (last, len(zeros), first) == ("last", 20_000_000, "first")


def test_lines_that_belong_together_are_appended_all_or_none(small_disk):
    log = small_disk / "log.jsonl"
    with pytest.raises(OutputError):
        files.append_lines(log, ["{}", "x" * 100_000])
    assert files.whole_lines(log) == []


def test_a_torn_tail_is_left_out_of_reading_and_set_aside_before_appending(tmp_path, caplog):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"whole\nto\xe6")
    path.write_bytes(b"whole\ntorn")
    with caplog.at_level(logging.INFO):
        assert files.whole_lines(path) == ["whole"]
    assert "torn" in caplog.text
    files.append_lines(path, ["next"])
    assert path.read_bytes() == b"whole\nnext\n"
    (aside,) = tmp_path.glob("log.jsonl.torn-*")
    assert aside.read_bytes() == b"torn"


def test_a_file_that_is_not_utf8_is_damaged(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"ab\xff\n")
    with pytest.raises(DamagedFile, match="not UTF-8 in line 1 at byte 2"):
        files.whole_lines(path)


def test_a_folder_where_a_file_stands_is_an_output_error_with_a_remedy(tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    for call in (
        lambda: files.ensure_folder(tmp_path / "taken"),
        lambda: files.replace(tmp_path / "taken" / "x", ""),
        lambda: files.append_lines(tmp_path / "taken" / "x", [""]),
    ):
        with pytest.raises(OutputError, match="file stands where a folder is needed"):
            call()


def test_a_file_that_is_not_there_is_an_output_error_that_names_it(tmp_path):
    with pytest.raises(OutputError) as caught:
        files.read_text(tmp_path / "none")
    assert caught.value.where == str(tmp_path / "none")


@pytest.mark.parametrize("code", sorted(files.REMEDIES))
def test_each_failure_of_the_system_has_its_remedy(tmp_path, code):
    error = files.output_error(OSError(code, os.strerror(code)), tmp_path)
    assert error.next_step == files.REMEDIES[code]
    assert os.strerror(code) in error.what
    assert errno.errorcode[code]


def test_a_lock_held_by_another_process_is_busy_and_free_when_that_process_is_killed(
    repository, tmp_path
):
    path = tmp_path / "x" / ".lock"
    code = (
        "import sys; from pathlib import Path; from pipeline import files\n"
        f"with files.locked(Path({str(path)!r}), timeout=0, holder='a'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with python(repository, code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(Busy, match="topic tides is in use"),
            files.locked(path, timeout=0, holder="topic tides"),
        ):
            pytest.fail("the lock was given twice")
        process.kill()
    with files.locked(path, timeout=5, holder="topic tides"):
        assert path.exists()
