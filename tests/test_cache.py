"""Answers that were paid for are kept, as text, and nothing else is ever loaded."""

import pickle
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.cache import AnswerCache
from pipeline.errors import OutputError
from pipeline.records import Answer, Usage


def answer(content: str) -> Answer:
    return Answer(
        content=content, model="m", usage=Usage(), created=datetime(2026, 1, 1, tzinfo=UTC)
    )


def test_answers_come_back_in_the_order_of_their_attempts(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    cache.store("f", answer("first"))
    cache.store("f", answer("x" * 100_000))
    cache.close()
    again = AnswerCache(tmp_path)
    assert [a.content for a in again.answers("f")] == ["first", "x" * 100_000]
    assert again.answers("other") == []
    again.close()


def test_a_pickled_row_is_refused_and_never_loaded(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    cache.store("f", answer("first"))
    cache.close()
    bomb = pickle.dumps(tmp_path)
    with sqlite3.connect(tmp_path / "answers" / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = 4, value = ?", (bomb,))
    database.close()
    again = AnswerCache(tmp_path)
    assert again.answers("f") == []
    again.close()


def test_a_damaged_answer_is_left_out_and_the_others_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = AnswerCache(tmp_path)
    cache.store("f", answer("first"))
    cache.store("f", answer("second"))
    cache.close()
    with sqlite3.connect(tmp_path / "answers" / "cache.db") as database:
        database.execute("UPDATE Cache SET value = '{' WHERE key = 'f:0'")
    database.close()
    again = AnswerCache(tmp_path)
    assert [a.content for a in again.answers("f")] == ["second"]
    assert "f:0" in caplog.text
    again.close()


def test_an_answer_that_another_process_stored_meanwhile_is_kept(tmp_path: Path) -> None:
    one, other = AnswerCache(tmp_path), AnswerCache(tmp_path)
    one.store("f", answer("one"))
    other.store("f", answer("other"))
    assert [a.content for a in one.answers("f")] == ["one", "other"]
    one.close()
    other.close()


def test_a_damaged_database_is_set_aside_and_work_goes_on(tmp_path: Path) -> None:
    AnswerCache(tmp_path).close()
    (tmp_path / "answers" / "cache.db").write_bytes(b"no database" * 1000)
    cache = AnswerCache(tmp_path)
    cache.store("f", answer("first"))
    assert len(cache.answers("f")) == 1
    cache.close()
    assert list(tmp_path.glob("answers.damaged-*"))


def test_a_database_that_proves_damaged_in_use_is_set_aside_and_work_goes_on(
    tmp_path: Path,
) -> None:
    cache = AnswerCache(tmp_path)
    for number in range(200):
        cache.store(f"f{number}", answer("x" * 1000))
    cache.close()
    database = tmp_path / "answers" / "cache.db"
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))
    again = AnswerCache(tmp_path)
    for number in range(200):
        again.answers(f"f{number}")
    again.store("new", answer("kept"))
    assert [a.content for a in again.answers("new")] == ["kept"]
    again.close()
    assert list(tmp_path.glob("answers.damaged-*"))


def test_a_file_in_the_place_of_the_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        AnswerCache(tmp_path / "cache")
