"""Guesses of passwords are slowed, and keep no editor out, over HTTP against the real server."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pipeline.web import throttle
from pipeline.web.devices import LASTS
from pipeline.web.passwords import Passwords
from pipeline.web.throttle import Attempts, Throttle
from tests.web_client import CHEAP, CHEAP_HASH, PASSWORD, Answer, Client, Clock, served

PAGES = [Route("/", lambda request: HTMLResponse(request.scope["state"]["session"].editor))]


def log_in(client: Client, name: str = "alice", password: str = PASSWORD) -> Answer:
    return client.post("/login", {"name": name, "password": password})


def device_of(client: Client) -> dict[str, str]:
    """The cookies by which the server knows a browser again."""
    return {name: value for name, value in client.cookies.items() if "-device-" in name}


def test_a_stranger_s_guesses_keep_nobody_out_of_a_browser_in_which_they_signed_in_before():
    clock = Clock()
    with served(pages=PAGES, clock=clock) as running:
        known, new = running.signed_in(), running.client()
        known.post("/logout")
        for _ in range(5):
            assert log_in(running.client(), password="a guess").status == 403
        for _ in range(50):
            clock.advance(301)
            assert log_in(running.client(), password="a guess").status == 403
            assert log_in(new).status == 429
            assert log_in(known).status == 303


def test_nor_do_those_of_ever_new_names_from_the_same_address():
    with served(pages=PAGES, clock=Clock()) as running:
        known = running.signed_in()
        for number in range(50):
            assert log_in(running.client(), f"name-{number}", "a guess").status == 403
        assert log_in(running.client()).status == 429
        assert log_in(known).status == 303


def test_a_known_browser_has_no_more_guesses_than_another_and_only_of_its_own_editor():
    clock = Clock()
    with served(pages=PAGES, clock=clock) as running:
        thief = running.client()
        thief.cookies = device_of(running.signed_in())
        for _ in range(5):
            assert log_in(thief, password="a guess").status == 403
        for wait in (2, 4, 8):
            assert log_in(thief).headers["Retry-After"] == str(wait)
            clock.advance(wait)
            assert log_in(thief, password="a guess").status == 403
        assert log_in(running.client()).status == 303
        for _ in range(5):
            assert log_in(thief, "bob", "a guess").status == 403
        assert log_in(running.client(), "bob").status == 429


def test_a_browser_stays_known_when_the_server_starts_anew_but_not_when_the_password_changes():
    before = Passwords({"alice": CHEAP_HASH})
    after = Passwords({"alice": CHEAP_HASH, "bob": CHEAP_HASH})
    changed = Passwords({"alice": CHEAP.hash("another invented password")})
    made = before.signed("alice", "a device")
    assert made == after.signed("alice", "a device")
    assert made not in (changed.signed("alice", "a device"), after.signed("bob", "a device"))
    assert made != after.signed("alice", "another device")
    assert after.signed("mallory", "a device") == ""


@pytest.mark.parametrize("forged", ["", ".", "x", "x.", "x.0", "é.é", "{id}", "{id}.{id}"])
def test_a_mark_that_this_server_has_not_made_is_worth_nothing(forged):
    with served(pages=PAGES, clock=Clock()) as running:
        ((name, mark),) = device_of(running.signed_in()).items()
        forger = running.client()
        forger.cookies[name] = forged.replace("{id}", mark.partition(".")[0])
        for _ in range(5):
            assert log_in(running.client(), password="a guess").status == 403
        assert log_in(forger).status == 429
        forger.cookies[name] = mark
        assert log_in(forger).status == 303


def test_the_mark_of_a_browser_is_out_of_reach_of_scripts_and_signs_nobody_in():
    with served(pages=PAGES) as running:
        client = running.client()
        _, cookie = log_in(client).headers.get_all("Set-Cookie", [])
        attributes = {each.lower() for each in cookie.split("; ")[1:]}
        assert attributes == {f"max-age={LASTS}", "httponly", "samesite=lax", "path=/"}
        client.cookies = device_of(client)
        assert client.get("/").status == 303


def test_a_browser_has_one_mark_for_each_editor_and_keeps_it():
    with served(pages=PAGES) as running:
        client = running.signed_in("alice")
        kept = device_of(client)
        assert log_in(client, "bob").status == 303
        assert log_in(client, "alice").status == 303
        assert len(device_of(client)) == 2
        assert kept.items() <= device_of(client).items()


def test_guesses_of_a_name_s_password_are_slowed_more_and_more():
    clock = Clock()
    with served(pages=PAGES, clock=clock) as running:
        client = running.client()
        for _ in range(5):
            assert log_in(client, password="a guess").status == 403
        for wait in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
            slowed = log_in(client)
            assert (slowed.status, slowed.headers["Retry-After"]) == (429, str(wait))
            assert f"Wait {wait} seconds" in slowed.text
            assert 'value="alice"' in slowed.text
            assert log_in(client, "bob").status == 303
            clock.advance(wait)
            assert log_in(client, password="a guess").status == 403
        clock.advance(300)
        assert log_in(client).status == 303


def test_a_success_gives_a_name_its_tries_back():
    with served(pages=PAGES, clock=Clock()) as running:
        for _ in range(3):
            for _ in range(4):
                assert log_in(running.client(), password="a slip").status == 403
            assert log_in(running.client()).status == 303


async def test_no_more_than_a_few_attempts_wait_for_their_turn():
    begun, over = asyncio.Event(), asyncio.Event()

    async def fails() -> bool:
        begun.set()
        await over.wait()
        return False

    attempts = Attempts(Throttle(free=100, longest=300.0, clock=Clock()))
    sent = [attempts.look(["x"], fails) for _ in range(throttle.QUEUE + 1)]
    tasks = asyncio.gather(*sent, return_exceptions=True)
    await begun.wait()
    over.set()
    *failed, refused = await tasks
    assert failed == [(0, False)] * throttle.QUEUE
    assert isinstance(refused, HTTPException)
    assert (refused.status_code, refused.headers) == (503, {"Retry-After": "1"})
    assert await attempts.look(["x"], fails) == (0, False)


def test_guesses_that_are_sent_at_once_are_all_counted():
    with served(pages=PAGES, clock=Clock()) as running, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: log_in(running.client(), password="a guess"), range(24))
        statuses = [answer.status for answer in answers]
    assert (statuses.count(403), statuses.count(429)) == (5, 19)


def test_guesses_of_ever_new_names_are_slowed_by_their_address_and_lock_nobody_out_for_long():
    clock = Clock()
    with served(pages=PAGES, clock=clock) as running:
        for number in range(50):
            assert log_in(running.client(), f"name-{number}", "a guess").status == 403
        for wait in (2, 4, 8, 8):
            slowed = log_in(running.client())
            assert (slowed.status, slowed.headers["Retry-After"]) == (429, str(wait))
            clock.advance(wait)
            assert log_in(running.client(), f"after-{clock()}", "a guess").status == 403
        clock.advance(8)
        assert log_in(running.client()).status == 303


def test_failures_are_forgotten_after_a_quarter_of_an_hour():
    clock = Clock()
    slow = Throttle(free=1, longest=300.0, clock=clock)
    for _ in range(2000):
        slow.failed("alice")
    assert slow.wait("alice") == 300
    clock.advance(throttle.WINDOW)
    assert slow.wait("alice") == 0
    slow.failed("alice")
    assert slow.wait("alice") == 2


def test_the_failures_of_ten_thousand_names_are_kept_and_no_more():
    clock = Clock()
    slow = Throttle(free=1, longest=300.0, clock=clock)
    slow.failed("first")
    for number in range(throttle.MOST):
        slow.failed(f"{number}" * 50)
    assert slow.wait("first") == 0
    assert slow.wait("0" * 50) == 2
