"""What attackers of the review app try, over HTTP against the real server."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipeline.errors import Busy, DamagedFile, OutputError, SettingsError, UsageError
from pipeline.gate_settings import ReviewSettings
from pipeline.settings import Settings
from pipeline.web.forms import fields, parsed
from pipeline.web.origins import Origins, own_path
from tests.web_client import PASSWORD, Client, Served, served

CHANGES: list[dict[str, str]] = []
ERRORS: dict[str, Exception] = {
    "usage": UsageError("there is no paper <b>x</b>", next_step="Name another"),
    "busy": Busy("another run works on tides"),
    "settings": SettingsError("a key is missing"),
    "damaged": DamagedFile("is not whole", where="4-decisions.jsonl"),
    "full": OutputError("the disk is full"),
    "gone": HTTPException(404),
    "defect": ZeroDivisionError("secret-of-the-traceback"),
}


def change(request: Request) -> Response:
    CHANGES.append(fields(request))
    return HTMLResponse(f"changed by {request.scope['state']['session'].editor}")


def fail(request: Request) -> Response:
    raise ERRORS[request.path_params["how"]]


def framed(request: Request) -> Response:
    own = {"Content-Security-Policy": "frame-ancestors 'self'", "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse("framed", headers=own)


PAGES = [
    Route("/", lambda _: HTMLResponse("all the digests")),
    Route("/change", change, methods=["POST"]),
    Route("/fail/{how}", fail),
    Route("/framed", framed),
    Route("/scheme", lambda request: HTMLResponse(request.url.scheme)),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(pages=PAGES) as running:
        yield running


@pytest.fixture
def alice(server: Served) -> Client:
    CHANGES.clear()
    return server.signed_in("alice")


def test_a_form_of_its_own_page_is_taken(alice):
    answer = alice.post("/change", {"line": "潮汐 & tides"})
    assert (answer.status, answer.text) == (200, "changed by alice")
    (fields_sent,) = CHANGES
    assert fields_sent == {"csrf": alice.csrf, "line": "潮汐 & tides"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Origin": None, "Sec-Fetch-Site": "same-site"},
        {"Origin": None, "Sec-Fetch-Site": "none"},
        {"Origin": None, "Sec-Fetch-Site": ["same-origin", "cross-site"]},
        {"Origin": ["http://127.0.0.1:PORT", "https://evil.example"]},
        {"Origin": "http://localhost:PORT"},
        {"Origin": "https://127.0.0.1:PORT"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:PORT.evil.example"},
    ],
)
def test_a_form_from_another_origin_changes_nothing_even_with_the_token(alice, headers):
    headers = json.loads(json.dumps(headers).replace("PORT", str(alice.port)))
    answer = alice.post("/change", headers=headers)
    assert answer.status == 403
    assert "Nothing was changed" in answer.text
    assert CHANGES == []


def test_fetch_metadata_may_vouch_where_something_in_between_removed_the_origin(alice):
    headers = {"Origin": None, "Sec-Fetch-Site": "same-origin"}
    assert alice.post("/change", headers=headers).status == 200


@pytest.mark.parametrize("fields", [{}, {"csrf": ""}, {"csrf": "wrong"}, {"csrf": "密"}])
def test_a_form_without_the_token_changes_nothing(alice, fields):
    assert alice.request("POST", "/change", urlencode(fields).encode()).status == 403
    assert CHANGES == []


def test_the_token_of_another_session_is_worth_nothing(server, alice):
    for other in (server.signed_in("bob"), server.signed_in("alice")):
        assert other.csrf != alice.csrf
        assert alice.post("/change", {"csrf": other.csrf}).status == 403
    assert CHANGES == []


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:PORT",
        "user@127.0.0.1:PORT",
        "2130706433:PORT",
        "0.0.0.0:PORT",
        "[",
        "",
        ["127.0.0.1:PORT", "evil.example"],
    ],
)
@pytest.mark.parametrize("path", ["/", "/login", "/static/review.css"])
def test_a_name_that_was_rebound_to_this_machine_is_not_answered_to(alice, host, path):
    headers = json.loads(json.dumps({"Host": host}).replace("PORT", str(alice.port)))
    answer = alice.get(path, headers)
    assert answer.status in (400, 421)  # 400: the server itself takes no second Host
    assert "all the digests" not in answer.text


def test_a_request_without_a_host_is_refused(alice):
    assert alice.get("/login", {"Host": None}).status == 400
    with socket.create_connection(("127.0.0.1", alice.port), timeout=30) as connection:
        connection.sendall(b"GET /login HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_every_name_of_loopback_is_answered_to(alice, host):
    assert alice.get("/", {"Host": f"{host}:{alice.port}"}).status == 200


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "QUERY"]
)
def test_no_other_method_is_known(alice, method):
    answer = alice.request(method, "/change", headers={"Origin": alice.origin})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert CHANGES == []


def test_what_takes_a_form_cannot_be_done_by_a_link(alice):
    assert alice.get("/change").status == 405
    assert alice.get(f"/change?csrf={alice.csrf}").status == 405
    assert alice.get("/logout").status == 405
    assert alice.get("/").status == 200
    assert CHANGES == []


def test_no_redirect_is_made_of_what_was_asked_for(alice):
    for path in ("/login/", "//evil.example/", "/fail/gone/"):
        assert alice.get(path).status == 404


def test_an_absolute_address_in_the_request_line_is_refused(alice):
    assert alice.get("http://evil.example/").status == 400


def test_a_body_that_says_it_is_too_long_is_refused_unread(alice):
    body = b"csrf=" + alice.csrf.encode() + b"&line="
    fits = body + b"x" * (64 * 1024 - len(body))
    assert alice.request("POST", "/change", fits).status == 200
    answer = alice.request("POST", "/change", fits + b"x")
    assert answer.status == 413
    assert "longer than 64 KiB" in answer.text
    assert len(CHANGES) == 1


def test_a_body_that_does_not_say_its_length_is_refused_once_it_is_too_long(alice):
    start = b"csrf=" + alice.csrf.encode() + b"&line="
    assert alice.request("POST", "/change", iter([start, b"x" * 1000])).status == 200
    assert alice.request("POST", "/change", iter([start, *[b"x" * 1024] * 64])).status == 413
    assert len(CHANGES) == 1


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json", "multipart/form-data"])
def test_only_forms_are_read(alice, kind):
    assert alice.post("/change", headers={"Content-Type": kind}).status == 415
    assert CHANGES == []


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a=2",
        b"a=%ff",
        b"a=\xe6\xbd\xae",
        b"a=%00",
        b"%00=a",
        b"a=%ed%a0%80",
        b"&".join(b"f%d=x" % number for number in range(51)),
    ],
)
def test_a_form_of_another_kind_than_pages_send_is_refused(alice, body):
    with pytest.raises(UsageError, match="the form cannot be read"):
        parsed(body)
    answer = alice.request("POST", "/change", b"csrf=" + alice.csrf.encode() + b"&" + body)
    assert answer.status == 400
    assert "the form cannot be read" in answer.text


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_body_is_a_form_or_a_usage_error(body):
    try:
        found = parsed(body)
    except UsageError:
        return
    assert all("\0" not in text for pair in found.items() for text in pair)


@pytest.mark.parametrize(
    "path", ["/", "/no-such-page", "/login", "/fail/defect", "/static/review.css"]
)
def test_every_answer_carries_the_headers_that_browsers_protect_by(alice, path):
    headers = alice.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'self'" in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers
    assert "Server" not in headers


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "null"}, {"Content-Type": "text/plain"}]
)
def test_refusals_carry_them_too(alice, headers):
    answer = alice.post("/change", headers=headers)
    assert answer.status >= 400
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_page_that_is_framed_by_our_own_says_so_itself(alice):
    headers = alice.get("/framed").headers
    assert headers.get_all("Content-Security-Policy") == ["frame-ancestors 'self'"]
    assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]


def test_pages_are_not_kept_by_browsers_and_current_static_files_are(alice):
    assert alice.get("/").headers["Cache-Control"] == "no-store"
    page = alice.get("/no-such-page").text
    current = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    style = alice.get(current)
    assert style.status == 200
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert style.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for other in ("/static/review.css", "/static/review.css?v=0", f"{current}&x=1"):
        assert alice.get(other).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "..%5capp.py",
        "htmx.LICENSE.txt",
        "%00",
        ".",
        "",
    ],
)
def test_nothing_but_the_static_files_is_served_as_one(alice, name):
    assert alice.get(f"/static/{name}").status == 404


@pytest.mark.parametrize(
    ("how", "status", "text"),
    [
        ("usage", 400, "there is no paper &lt;b&gt;x&lt;/b&gt;. Name another"),
        ("busy", 503, "another run works on tides"),
        ("settings", 500, "a key is missing"),
        ("damaged", 500, "4-decisions.jsonl: is not whole"),
        ("full", 500, "the disk is full"),
        ("gone", 404, "There is no such page."),
        ("defect", 500, "Something went wrong in paperline."),
    ],
)
def test_what_goes_wrong_becomes_a_page_or_for_htmx_a_paragraph(alice, how, status, text):
    page = alice.get(f"/fail/{how}")
    assert page.status == status
    assert page.text.startswith("<!doctype html>")
    part = alice.get(f"/fail/{how}", {"HX-Request": "true"})
    assert part.status == status
    assert part.text.startswith('<p class="problem" role="alert">')
    for answer in (page, part):
        assert text in answer.text
        assert "Traceback" not in answer.text
        assert "secret-of-the-traceback" not in answer.text


def test_a_defect_is_logged(caplog):
    with served(pages=PAGES) as running:
        running.signed_in().get("/fail/defect")
    assert "secret-of-the-traceback" in caplog.text


def test_problems_are_told_in_the_reader_s_language(alice):
    page = alice.get("/no-such-page", {"Accept-Language": "zh-CN,en;q=0.5"})
    assert '<html lang="zh-Hans">' in page.text
    assert "没有这个页面" in page.text


def test_the_language_that_was_chosen_is_kept_and_leads_back(alice):
    answer = alice.get("/language?to=zh&next=/no-such-page")
    assert (answer.status, answer.headers["Location"]) == (303, "/no-such-page")
    assert "没有这个页面" in alice.get("/no-such-page").text
    assert alice.get("/language?to=fr").status == 400
    assert alice.get("/language").status == 400


FOREIGN = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    "/x\r\nSet-Cookie: a=b",
    "/x\r\n\r\n<script>",
    "/\x00",
    "/" + "x" * 3000,
    "/潮",
    "",
]


@pytest.mark.parametrize("path", FOREIGN)
@pytest.mark.parametrize("page", ["/language?to=en", "/login?"])
def test_a_link_never_leads_on_to_another_server_or_into_the_headers(alice, page, path):
    answer = alice.get(f"{page}&{urlencode({'next': path})}")
    assert answer.status == 303
    assert answer.headers.get_all("Location") == ["/"]
    assert "a=b" not in str(answer.headers)


@pytest.mark.parametrize("path", ["/", "/review/tides/20260501_0405?filter=flagged#p-2604.9"])
def test_a_path_of_this_server_is_one(path):
    assert own_path(path) == path


def test_off_loopback_only_the_hosts_are_answered_to():
    origins = Origins("0.0.0.0", 8420, ["review.example.org:443", "localhost:9000"])
    assert origins.of("Review.example.org") == "https://review.example.org"
    assert origins.of("localhost:9000") == "https://localhost:9000"
    assert origins.first == "https://review.example.org"
    for host in ("0.0.0.0:8420", "127.0.0.1:8420", "localhost:8420", "review.example.org:8420"):
        assert origins.of(host) is None


def test_browsers_leave_out_the_port_of_http():
    assert Origins("127.0.0.1", 80).of("localhost") == "http://localhost"
    assert Origins("::1", 8420).first == "http://[::1]:8420"
    assert Origins("127.0.0.2", 8420).of("127.0.0.2:8420") == "http://127.0.0.2:8420"


@contextmanager
def behind_a_proxy() -> Iterator[Client]:
    settings = Settings(review=ReviewSettings(hosts=("review.example.org",)))
    with served(settings, PAGES) as running:
        yield running.client()


def test_behind_a_proxy_cookies_are_secure_and_the_origin_is_https():
    https = {"Host": "review.example.org", "Origin": "https://review.example.org"}
    with behind_a_proxy() as client:
        form = {"name": "alice", "password": PASSWORD}
        plain = {**https, "Origin": "http://review.example.org"}
        assert client.post("/login", form, plain).status == 403
        answer = client.post("/login", form, https)
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"__Host-paperline-{client.port}=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        _, device = answer.headers.get_all("Set-Cookie", [])
        assert device.startswith(f"__Host-paperline-{client.port}-device-")
        assert "Secure" in device
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert client.get("/", https).status == 200
        assert client.get("/scheme", https).text == "https"
        answer = client.get("/language?to=zh", https)
        assert "Secure" in answer.headers["Set-Cookie"]
        assert client.get("/", {"Host": "review.example.org:443"}).status == 421


def test_loopback_stays_usable_beside_the_proxy_with_a_cookie_of_its_own():
    with behind_a_proxy() as client:
        answer = client.post("/login", {"name": "bob", "password": PASSWORD})
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"paperline-{client.port}=")
        assert "Secure" not in cookie
        assert client.get("/").status == 200
        assert client.get("/", {"Host": "review.example.org"}).status == 303


def test_what_lasts_as_long_as_the_server_is_begun_and_ended_in_order():
    told = []

    @contextmanager
    def lasting(name: str) -> Iterator[None]:
        told.append(f"{name} begins")
        yield
        told.append(f"{name} ends")

    with served(during=[lasting("a"), lasting("b")]):
        assert told == ["a begins", "b begins"]
    assert told[2:] == ["b ends", "a ends"]
