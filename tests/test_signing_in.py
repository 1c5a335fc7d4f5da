"""Signing in and out of the review app, over HTTP against the real server."""

import logging
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest
from argon2 import extract_parameters
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pipeline.errors import SettingsError, UsageError
from pipeline.web.links import Links
from pipeline.web.passwords import Passwords, hashed
from pipeline.web.sessions import IDLE, LONGEST, MOST, Sessions
from tests.web_client import CHEAP, CHEAP_HASH, PASSWORD, Answer, Client, Clock, Served, served

PAGES = [Route("/", lambda request: HTMLResponse(request.scope["state"]["session"].editor))]


@pytest.fixture(scope="module")
def team() -> Iterator[Served]:
    """Where nobody fails often enough to be slowed."""
    with served(pages=PAGES) as running:
        yield running


@pytest.fixture(scope="module")
def alone() -> Iterator[Served]:
    """Without editors: the link in the terminal signs in."""
    with served(pages=PAGES, editors=()) as running:
        yield running


def log_in(client: Client, name: str = "alice", password: str = PASSWORD, **more: str) -> Answer:
    return client.post("/login", {"name": name, "password": password, **more})


def cookie_of(client: Client) -> str:
    return f"paperline-{client.port}"


def path(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def token(link: str) -> dict[str, str]:
    return {"token": link.partition("token=")[2]}


def test_name_and_password_sign_in(team):
    client = team.client()
    answer = log_in(client, "bob")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert client.get("/").text == "bob"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(team):
    cookie = log_in(team.client()).headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    value, *attributes = rest.split("; ")
    assert name == f"paperline-{team.port}"
    assert len(value) == 43
    assert {each.lower() for each in attributes} == {"httponly", "samesite=lax", "path=/"}


def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_then_back(team):
    client = team.client()
    answer = client.get("/review/tides/20260501_0405?filter=flagged")
    assert answer.status == 303
    assert answer.headers["Location"] == (
        "/login?next=%2Freview%2Ftides%2F20260501_0405%3Ffilter%3Dflagged"
    )
    form = client.get(answer.headers["Location"])
    assert 'value="/review/tides/20260501_0405?filter=flagged"' in form.text
    answer = log_in(client, next="/review/tides/20260501_0405?filter=flagged")
    assert answer.headers["Location"] == "/review/tides/20260501_0405?filter=flagged"


def test_htmx_is_sent_there_too_and_back_to_the_page_it_was_on(team):
    for url, back in (
        (f"http://127.0.0.1:{team.port}/review/a/b?x=1", "/review/a/b?x=1"),
        ("https://evil.example//evil.example/", "/"),
        ("http://[", "/"),
    ):
        headers = {"HX-Request": "true", "HX-Current-URL": url}
        for answer in (team.client().get("/x", headers), team.client().post("/x", {}, headers)):
            assert answer.status == 403
            assert answer.headers["HX-Redirect"] == f"/login?{urlencode({'next': back})}"
            assert answer.text.startswith('<p class="problem" role="alert">')


def test_a_form_sent_without_a_session_is_refused_and_says_why(team):
    answer = team.client().post("/change", {"line": "x"})
    assert answer.status == 403
    assert "You are not signed in, or no longer." in answer.text
    assert '<a href="/login">' in answer.text


@pytest.mark.parametrize("following", ["//evil.example", "https://evil.example", "/\r\nX-Y: z"])
def test_signing_in_never_leads_on_to_another_server(team, following):
    answer = log_in(team.client(), next=following)
    assert answer.headers["Location"] == "/"
    assert "X-Y" not in answer.headers
    form = team.client().get(f"/login?{urlencode({'next': following})}")
    assert 'name="next" value="/"' in form.text


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(team):
    wrong = log_in(team.client(), "alice", "not it")
    unknown = log_in(team.client(), "mallory", "not it")
    assert wrong.status == unknown.status == 403
    assert wrong.text.replace("alice", "mallory") == unknown.text
    assert "do not belong together" in wrong.text
    assert "Set-Cookie" not in wrong.headers
    assert log_in(team.client(), "", "").status == 403


def test_failures_are_logged_and_what_is_no_editor_s_name_is_not(team, caplog):
    caplog.set_level(logging.INFO)
    log_in(team.client(), "alice", "hunter2")
    log_in(team.client(), "hunter2", "hunter2")
    assert "alice failed to sign in from 127.0.0.1" in caplog.text
    assert "an unknown name failed to sign in from 127.0.0.1" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_name_is_shown_again_as_text(team):
    answer = log_in(team.client(), '"><script>alert(1)</script>', "x")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_another_site_cannot_sign_a_browser_in(team):
    form = {"name": "alice", "password": PASSWORD}
    for origin in ("https://evil.example", "null", None):
        assert team.client().post("/login", form, {"Origin": origin}).status == 403


def test_an_id_that_the_browser_brings_is_never_taken_over(team):
    client = team.client()
    client.cookies[f"paperline-{team.port}"] = "planted-by-an-attacker"
    assert client.get("/").status == 303
    log_in(client)
    assert client.cookies[f"paperline-{team.port}"] != "planted-by-an-attacker"
    victim = team.client()
    victim.cookies[f"paperline-{team.port}"] = "planted-by-an-attacker"
    assert victim.get("/").status == 303


def test_signing_in_again_ends_the_session_that_was_there(team):
    client = team.signed_in("alice")
    before = dict(client.cookies)
    assert log_in(client, "bob").status == 303
    assert client.get("/").text == "bob"
    client.cookies = before
    assert client.get("/").status == 303


def test_signing_out_ends_the_session_on_the_server(team):
    client = team.signed_in()
    kept = dict(client.cookies)
    answer = client.post("/logout")
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert cookie_of(client) not in client.cookies
    client.cookies = kept
    assert client.get("/").status == 303


def test_signing_out_needs_the_token_too(team):
    client = team.signed_in()
    assert client.post("/logout", {"csrf": "wrong"}).status == 403
    assert client.get("/").status == 200


def test_whoever_is_signed_in_needs_no_form(team):
    answer = team.signed_in().get("/login?next=/review/a/b")
    assert (answer.status, answer.headers["Location"]) == (303, "/review/a/b")


def test_a_session_ends_after_four_idle_and_after_twelve_hours():
    clock = Clock()
    with served(pages=PAGES, clock=clock) as running:
        client = running.signed_in()
        for _ in range(3):
            clock.advance(IDLE - 1)
            assert client.get("/").status == 200
        clock.advance(LONGEST - 3 * (IDLE - 1))
        assert client.get("/").status == 303
        client = running.signed_in()
        clock.advance(IDLE)
        assert client.get("/").status == 303


def test_the_session_that_was_not_used_for_the_longest_time_makes_room():
    clock = Clock()
    sessions = Sessions(clock)
    names = []
    for _ in range(MOST):
        names.append(sessions.begin("alice"))
        clock.advance(1)
    assert sessions.find(names[0])
    clock.advance(1)
    names.append(sessions.begin("bob"))
    assert sessions.find(names[0])
    assert not sessions.find(names[1])
    assert sum(sessions.find(name) is not None for name in names) == MOST
    assert len(set(names)) == MOST + 1


def test_an_unknown_name_costs_as_much_as_a_known_one():
    passwords = Passwords({"alice": CHEAP_HASH})
    assert extract_parameters(passwords._nobody) == extract_parameters(CHEAP_HASH)
    assert passwords.fits("alice", PASSWORD)
    assert not passwords.fits("mallory", PASSWORD)


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (CHEAP_HASH[:-42], "argon2 cannot use"),
        (CHEAP_HASH.replace("m=8", "m=1"), "argon2 cannot use"),
        (CHEAP_HASH.replace("m=8", "m=4294967288"), "argon2 cannot use"),
        (CHEAP_HASH.replace("m=8", "m=99999999999999999999"), "argon2 cannot use"),
        (CHEAP_HASH.replace("argon2id", "argon3"), "argon2 cannot use"),
        (CHEAP.hash("", salt=b"one salt for all"), "the hash of an empty password"),
    ],
    ids=["short", "cheap", "dear", "impossible", "algorithm", "empty"],
)
def test_a_hash_that_no_password_fits_is_refused_at_the_start_and_not_shown(made, what):
    with pytest.raises(SettingsError, match="'alice'") as caught:
        Passwords({"bob": CHEAP_HASH, "alice": made})
    assert what in str(caught.value)
    assert made not in str(caught.value)


def test_accents_are_compared_however_the_keyboard_composes_them():
    composed, decomposed = "café au lait\u00e9", "cafe\u0301 au laite\u0301"
    made = CHEAP.hash(composed)
    assert Passwords({"alice": made}).fits("alice", decomposed)
    assert Passwords({"alice": hashed(decomposed)}).fits("alice", composed)


def test_a_short_password_gets_no_hash():
    with pytest.raises(UsageError, match="9 characters is too short"):
        hashed("nine char")


def test_the_link_leads_to_a_button_which_signs_in_and_shows_the_next_link(alone):
    link = alone.links[-1]
    client = alone.client()
    assert link.startswith(f"http://127.0.0.1:{alone.port}/enter?token=")
    page = client.get(path(link))
    assert page.status == 200
    assert "signed Mei Lan" in page.text
    answer = client.post("/enter", token(link))
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert client.get("/").text == "Mei Lan"
    assert alone.links[-1] != link


def test_following_the_link_does_not_spend_it(alone):
    link = alone.links[-1]
    for method in ("HEAD", "GET", "GET"):
        assert alone.client().request(method, path(link)).status == 200
    assert alone.links[-1] == link
    assert alone.client().post("/enter", token(link)).status == 303


def test_a_link_works_once(alone):
    link = alone.links[-1]
    client = alone.client()
    client.post("/enter", token(link))
    announced = len(alone.links)
    other = alone.client()
    for answer in (other.get(path(link)), other.post("/enter", token(link))):
        assert answer.status == 403
        assert "each works once" in answer.text
        assert "Set-Cookie" not in answer.headers
    for answer in (client.get(path(link)), client.post("/enter", token(link))):
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert len(alone.links) == announced


@pytest.mark.parametrize("given", ["", "wrong", "密", "\ud800"])
def test_another_token_is_refused(alone, given):
    links = Links("Mei Lan", "http://127.0.0.1:1", print)
    assert not links.opens(given)
    assert not links.spend(given)
    query = urlencode({"token": given}, errors="replace")
    assert alone.client().get(f"/enter?{query}").status == 403
    assert alone.client().post("/enter", {}).status == 403


def test_another_site_cannot_use_the_link_up(alone):
    link = alone.links[-1]
    for origin in ("https://evil.example", "null", None):
        assert alone.client().post("/enter", token(link), {"Origin": origin}).status == 403
    assert alone.links[-1] == link


def test_without_editors_signing_in_says_where_the_link_is(alone):
    client = alone.client()
    assert client.get("/").headers["Location"] == "/login?next=%2F"
    page = client.get("/login")
    assert "Open the link that paperline review shows in its terminal" in page.text
    assert "password" not in page.text
    assert log_in(client).status == 405


def test_with_editors_there_is_no_link(team):
    assert team.client().get("/enter?token=x").status == 404


def test_a_link_needs_a_name_to_sign_with():
    with pytest.raises(UsageError, match="Give --editor NAME"):
        Links(" \n", "http://127.0.0.1:1", print)
