"""Answers that were paid for are kept, as text, and their costs are booked.

`cache/answers/cache.db` is opened here with sqlite3 where something is damaged or held.
"""

import contextlib
import errno
import itertools
import logging
import os
import pickle
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.books import Spend
from pipeline.cache import AnswerCache
from pipeline.errors import OutputError
from pipeline.exchange import Answer, Kept, kept
from pipeline.records import Usage

ONE, OTHER = "1" * 64, "2" * 64
"""Fingerprints of two requests."""

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
RECENTLY = datetime(2026, 6, 1, tzinfo=UTC)
BETWEEN = datetime(2026, 3, 1, tzinfo=UTC)


class KilledError(Exception):
    """Stands for a run that ends here."""


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    with contextlib.closing(AnswerCache(tmp_path)) as opened:
        yield opened


def reopened(folder: Path) -> contextlib.closing[AnswerCache]:
    """The cache as a later command, or another process, sees it."""
    return contextlib.closing(AnswerCache(folder))


@contextlib.contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(folder / "answers" / "cache.db", isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another process writes, and does not end."""
    with database(folder) as connection:
        connection.execute("begin immediate")
        yield
        connection.execute("rollback")


def answer(content: str = "An answer.", created: datetime = LONG_AGO) -> Answer:
    usage = Usage(prompt_tokens=70, completion_tokens=30, usd=0.25)
    return Answer(content=content, model="tide-1", usage=usage, created=created)


def an_answer(
    content: str = "An answer.", fingerprint: str = ONE, created: datetime = LONG_AGO
) -> Kept:
    made = answer(content, created)
    return kept("demo", "20260101_0405", "2601.00001", fingerprint, "tide-1", made)


def keep(cache: AnswerCache, *contents: str, fingerprint: str = ONE) -> list[Spend]:
    """Keep answers one by one; what was booked for them."""
    booked: list[Spend] = []
    for content in contents:
        cache.keep([an_answer(content, fingerprint)], booked.extend)
    return booked


def contents(cache: AnswerCache, fingerprint: str = ONE) -> list[str | None]:
    return [found.content for found in cache.answers(fingerprint)]


def killed(spends: list[Spend]) -> None:
    raise KilledError


def set_aside(folder: Path) -> list[Path]:
    return list(folder.glob("answers.damaged-*"))


def test_an_answer_comes_back_as_it_was_kept(cache):
    whole = answer("水壶 \\frac \x00 \u2028").but(
        refusal="no", finish_reason="stop", usage=Usage(cached_tokens=1, usd=None)
    )
    cache.keep([an_answer()._replace(answer=whole)], lambda _: None)
    assert cache.answers(ONE) == [whole]


def test_answers_come_back_in_the_order_of_their_attempts_in_a_later_command(tmp_path, cache):
    keep(cache, "first", "x" * 100_000, "third")
    cache.close()
    with reopened(tmp_path) as later:
        assert contents(later) == ["first", "x" * 100_000, "third"]


def test_a_request_that_was_never_answered_has_no_answers(cache):
    keep(cache, "first")
    assert cache.answers(OTHER) == []


def test_answers_of_one_request_that_come_together_are_all_kept(cache):
    some = [an_answer("a"), an_answer("b", OTHER), an_answer("c")]
    cache.keep(some, lambda _: None)
    assert contents(cache) == ["a", "c"]
    assert contents(cache, OTHER) == ["b"]


def test_costs_are_booked_when_the_answers_are_on_disk(tmp_path, cache):
    booked = []

    def paid(spends: list[Spend]) -> None:
        with reopened(tmp_path) as other:
            assert contents(other) == ["a", "b"]
        booked.extend(spends)

    some = [an_answer("a"), an_answer("b")]
    cache.keep(some, paid)
    assert booked == [each.spend for each in some]
    assert booked[0].id != booked[1].id


def test_costs_that_were_booked_are_not_booked_again(tmp_path, cache):
    keep(cache, "first")
    booked: list[Spend] = []
    cache.rebook(booked.extend)
    with reopened(tmp_path) as later:
        later.rebook(booked.extend)
    assert booked == []


def test_a_run_killed_before_it_booked_is_booked_by_the_next_one(tmp_path, cache):
    some = [an_answer("a"), an_answer("b", OTHER)]
    with pytest.raises(KilledError):
        cache.keep(some, killed)
    cache.close()
    booked: list[Spend] = []
    with reopened(tmp_path) as later:
        assert (contents(later), contents(later, OTHER)) == (["a"], ["b"])
        later.rebook(booked.extend)
        later.rebook(booked.extend)
    assert [spend.but(at=LONG_AGO) for spend in booked] == [
        each.spend.but(at=LONG_AGO) for each in some
    ]


def test_costs_of_a_killed_run_count_on_the_day_on_which_they_are_booked(cache):
    old = an_answer()
    with pytest.raises(KilledError):
        cache.keep([old._replace(spend=old.spend.but(at=LONG_AGO))], killed)
    booked: list[Spend] = []
    before = datetime.now(UTC).replace(microsecond=0)
    cache.rebook(booked.extend)
    assert [spend.id for spend in booked] == [old.spend.id]
    assert booked[0].at >= before


def test_costs_stay_noted_until_booking_them_succeeds(cache):
    with pytest.raises(KilledError):
        cache.keep([an_answer()], killed)
    with pytest.raises(KilledError):
        cache.rebook(killed)
    booked: list[Spend] = []
    cache.rebook(booked.extend)
    assert len(booked) == 1


@pytest.mark.parametrize("damage", ["{", "[]", '[{"id": ""}]'])
def test_a_damaged_note_of_costs_is_dropped_and_the_others_are_booked(tmp_path, cache, damage):
    for _ in range(2):
        with pytest.raises(KilledError):
            cache.keep([an_answer()], killed)
    with database(tmp_path) as rows:
        rows.execute(
            "update Cache set value = ? where rowid ="
            " (select min(rowid) from Cache where key like 'unbooked:%')",
            (damage,),
        )
    booked: list[Spend] = []
    cache.rebook(booked.extend)
    cache.rebook(booked.extend)
    assert len(booked) == 1


def test_what_is_remembered_is_recalled_by_later_commands(tmp_path, cache):
    assert cache.recall("abilities:x") is None
    cache.remember("abilities:x", "old")
    cache.remember("abilities:x", "new")
    with reopened(tmp_path) as later:
        assert later.recall("abilities:x") == "new"


def test_hits_and_what_they_saved_are_counted_over_all_commands(tmp_path, cache):
    cache.hit(Usage(prompt_tokens=70, completion_tokens=30, usd=0.25))
    cache.hit(Usage(prompt_tokens=5, usd=None))
    assert (cache.stats().hits, cache.stats().saved_tokens) == (2, 105)
    cache.close()
    with reopened(tmp_path) as later:
        later.hit(Usage(prompt_tokens=20, usd=0.5))
    with reopened(tmp_path) as last:
        found = last.stats()
    assert (found.hits, found.saved_tokens, found.saved_usd) == (3, 125, 0.75)


def test_a_cache_may_be_closed_twice_and_counts_once(tmp_path, cache):
    cache.hit(Usage(prompt_tokens=7))
    cache.close()
    cache.close()
    with reopened(tmp_path) as later:
        assert later.stats().hits == 1


def test_damaged_hits_are_counted_from_nothing(cache):
    cache.remember("statistics:hits", "many")
    cache.hit(Usage(prompt_tokens=7))
    assert (cache.stats().hits, cache.stats().saved_tokens) == (1, 7)


def test_stats_tell_answers_from_requests_and_from_all_else(cache):
    keep(cache, "a", "b", "c")
    keep(cache, "d", fingerprint=OTHER)
    cache.remember("abilities:x", "{}")
    with pytest.raises(KilledError):
        cache.keep([an_answer("e", OTHER)], killed)
    found = cache.stats()
    assert (found.answers, found.requests) == (5, 2)


def test_the_size_is_that_on_disk(cache):
    before = cache.stats().size
    keep(cache, "x" * 1_000_000)
    assert cache.stats().size >= before + 1_000_000


def test_an_empty_cache_has_stats(cache):
    found = cache.stats()
    assert found.but(size=0) == type(found)(
        answers=0, requests=0, size=0, hits=0, saved_tokens=0, saved_usd=0.0
    )


def test_clearing_all_removes_all_answers_and_what_models_take(cache):
    keep(cache, "a", "b")
    keep(cache, "c", fingerprint=OTHER)
    cache.remember("abilities:x", "{}")
    assert cache.clear() == 3
    assert contents(cache) == contents(cache, OTHER) == []
    assert cache.recall("abilities:x") is None


def test_clearing_old_answers_leaves_new_ones_and_what_models_take(cache):
    cache.keep([an_answer("old", ONE), an_answer("new", OTHER, RECENTLY)], lambda _: None)
    cache.remember("abilities:x", "{}")
    assert cache.clear(BETWEEN) == 1
    assert (contents(cache), contents(cache, OTHER)) == ([], ["new"])
    assert cache.recall("abilities:x") == "{}"


def test_attempts_at_one_request_go_together_when_the_newest_is_old(cache):
    cache.keep([an_answer("old"), an_answer("new", ONE, RECENTLY)], lambda _: None)
    assert cache.clear(BETWEEN) == 0
    assert contents(cache) == ["old", "new"]
    assert cache.clear(datetime(2026, 7, 1, tzinfo=UTC)) == 2
    assert contents(cache) == []


def test_an_answer_made_at_that_very_moment_is_not_older(cache):
    keep(cache, "a")
    assert cache.clear(LONG_AGO) == 0


def test_two_commands_at_once_keep_all_their_answers(tmp_path, cache):
    with reopened(tmp_path) as other:
        keep(cache, "one")
        keep(other, "other")
        keep(cache, "one again")
        assert contents(cache) == contents(other) == ["one", "other", "one again"]


def test_hits_of_two_commands_at_once_are_all_counted(tmp_path, cache):
    with reopened(tmp_path) as other:
        other.hit(Usage(prompt_tokens=1))
        cache.hit(Usage(prompt_tokens=2))
        cache.close()
    with reopened(tmp_path) as later:
        assert (later.stats().hits, later.stats().saved_tokens) == (2, 3)


def test_a_pickled_answer_is_refused_and_never_loaded(tmp_path, cache, caplog):
    caplog.set_level(logging.INFO)
    keep(cache, "first", "second")
    loaded = tmp_path / "loaded"
    with database(tmp_path) as rows:
        rows.execute(
            "update Cache set mode = 4, value = ? where key = ?",
            (pickle.dumps(Touching(loaded)), f"{ONE}:0"),
        )
    assert contents(cache) == ["second"]
    assert not loaded.exists()
    assert "will be asked for again" in caplog.text


class Touching:
    """Makes a file when it is loaded from a pickle."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def test_the_pickle_used_above_does_what_must_not_happen(tmp_path):
    pickle.loads(pickle.dumps(Touching(tmp_path / "loaded")))
    assert (tmp_path / "loaded").exists()


def test_a_pickled_memory_is_none(tmp_path, cache):
    cache.remember("abilities:x", "{}")
    with database(tmp_path) as rows:
        rows.execute("update Cache set mode = 4, value = ?", (pickle.dumps({}),))
    assert cache.recall("abilities:x") is None


def test_a_pickled_key_is_never_loaded(tmp_path, cache):
    keep(cache, "first")
    loaded = tmp_path / "loaded"
    with database(tmp_path) as rows:
        rows.execute("update Cache set raw = 0, key = ?", (pickle.dumps(Touching(loaded)),))
    assert cache.stats().answers == 0
    assert not loaded.exists()


def test_nothing_but_text_can_be_kept(cache):
    with pytest.raises(TypeError, match="text only"):
        cache.remember("abilities:x", {"not": "text"})


def test_a_damaged_answer_is_left_out_and_the_others_are_found(tmp_path, cache, caplog):
    caplog.set_level(logging.INFO)
    keep(cache, "first", "second")
    with database(tmp_path) as rows:
        rows.execute("update Cache set value = '{' where key = ?", (f"{ONE}:0",))
    assert contents(cache) == ["second"]
    assert f"{ONE}:0" in caplog.text


def test_an_answer_kept_beside_a_damaged_one_is_found(tmp_path, cache):
    keep(cache, "first")
    with database(tmp_path) as rows:
        rows.execute("update Cache set value = '{' where key = ?", (f"{ONE}:0",))
    keep(cache, "second")
    assert contents(cache) == ["second"]


def test_damaged_answers_are_cleared_with_the_old_ones(tmp_path, cache):
    keep(cache, "first")
    with database(tmp_path) as rows:
        rows.execute("update Cache set value = '{' where key = ?", (f"{ONE}:0",))
    assert cache.clear(BETWEEN) == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AnswerCache]:
    """A cache with one answer that does not wait long for another process."""
    monkeypatch.setattr("pipeline.cache.PATIENCE", 0.01)
    with contextlib.closing(AnswerCache(tmp_path)) as opened:
        keep(opened, "first")
        yield opened


def test_a_held_database_is_an_error_that_books_nothing_and_sets_nothing_aside(tmp_path, impatient):
    booked: list[Spend] = []
    with held(tmp_path), pytest.raises(OutputError, match="another process holds it"):
        impatient.keep([an_answer("second")], booked.extend)
    assert booked == []
    assert set_aside(tmp_path) == []
    assert contents(impatient) == ["first"]


@pytest.mark.parametrize(
    "use",
    [
        lambda cache: cache.remember("abilities:x", "{}"),
        lambda cache: cache.clear(),
        lambda cache: cache.clear(BETWEEN),
    ],
)
def test_whatever_writes_to_a_held_database_is_an_error_and_removes_nothing(
    tmp_path, impatient, use
):
    with held(tmp_path), pytest.raises(OutputError, match="cannot be used"):
        use(impatient)
    assert set_aside(tmp_path) == []
    assert contents(impatient) == ["first"]


def test_a_held_database_can_be_read(tmp_path, impatient):
    with held(tmp_path):
        assert contents(impatient) == ["first"]
        assert impatient.stats().answers == 1


def test_work_goes_on_when_a_database_is_held_no_more(tmp_path, impatient):
    with held(tmp_path), pytest.raises(OutputError):
        keep(impatient, "second")
    keep(impatient, "second")
    assert contents(impatient) == ["first", "second"]


def test_costs_are_noted_where_the_database_is_held_after_they_were_booked(tmp_path, impatient):
    booked: list[Spend] = []
    with contextlib.ExitStack() as stack:

        def paid(spends: list[Spend]) -> None:
            booked.extend(spends)
            stack.enter_context(held(tmp_path))

        with pytest.raises(OutputError):
            impatient.keep([an_answer("second")], paid)
    impatient.rebook(booked.extend)
    assert len(booked) == 2
    assert booked[0].id == booked[1].id


def test_a_database_that_is_held_while_it_is_opened_is_an_error_and_is_not_set_aside(
    tmp_path, impatient, monkeypatch
):
    # diskcache tries for a minute of its own; here each look at the clock is a minute later.
    minutes = itertools.count(step=61)
    clock = SimpleNamespace(time=lambda: float(next(minutes)), sleep=lambda _: None)
    with held(tmp_path), monkeypatch.context() as patched:
        patched.setattr("diskcache.core.time", clock)
        with pytest.raises(OutputError, match="another process holds it"):
            AnswerCache(tmp_path)
    assert set_aside(tmp_path) == []
    assert contents(impatient) == ["first"]


def test_a_damaged_database_is_set_aside_whole_and_work_goes_on(tmp_path, cache, caplog):
    caplog.set_level(logging.INFO)
    cache.close()
    damage = b"no database" * 1000
    (tmp_path / "answers" / "cache.db").write_bytes(damage)
    with reopened(tmp_path) as later:
        keep(later, "first")
        assert contents(later) == ["first"]
    (aside,) = set_aside(tmp_path)
    assert (aside / "cache.db").read_bytes() == damage
    assert aside.name in caplog.text


def test_a_database_that_proves_damaged_in_use_is_set_aside_and_work_goes_on(tmp_path, cache):
    for number in range(200):
        keep(cache, "x" * 1000, fingerprint=f"{number:064}")
    cache.close()
    path = tmp_path / "answers" / "cache.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))
    with reopened(tmp_path) as later:
        for number in range(200):
            later.answers(f"{number:064}")
        keep(later, "kept")
        assert contents(later) == ["kept"]
    assert set_aside(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_a_clear_error(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        AnswerCache(tmp_path / "cache")


def test_clearing_forgets_no_cost_that_waits_to_be_booked(cache):
    with pytest.raises(KilledError):
        cache.keep([an_answer("a")], killed)
    assert cache.clear() == 1
    booked: list[Spend] = []
    cache.rebook(booked.extend)
    assert len(booked) == 1


@pytest.mark.parametrize(
    "change",
    ["mode = 4, value = x'80'", "mode = 1, value = 5", "value = CAST(x'ff' AS TEXT)"],
)
def test_a_row_that_is_no_text_is_left_out_and_the_rest_is_found(tmp_path, cache, change):
    keep(cache, "first", "second")
    cache.hit(Usage(prompt_tokens=5))
    cache.close()
    with sqlite3.connect(tmp_path / "answers" / "cache.db") as database:
        database.execute(f"UPDATE Cache SET {change} WHERE key != '{ONE}:1'")
    database.close()
    with reopened(tmp_path) as later:
        assert contents(later) == ["second"]
        assert later.stats().hits == 0


@pytest.mark.parametrize("counted", ["1 2 nan", "-1 2 3", "many", ""])
def test_hits_that_are_no_counts_are_counted_anew(cache, counted):
    cache.remember("statistics:hits", counted)
    cache.hit(Usage(prompt_tokens=5, usd=0.5))
    assert (cache.stats().hits, cache.stats().saved_usd) == (1, 0.5)


def test_a_cache_that_was_set_aside_and_cannot_be_begun_anew_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = AnswerCache(tmp_path)
    cache._cache.close()
    (tmp_path / "answers" / "cache.db").write_bytes(b"rubbish" * 1000)

    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "_open", full)
    with pytest.raises(OutputError, match="disk is full"):
        cache.answers("f" * 64)
    cache.close()
