"""The app's own words in two languages, and the files that are served with it."""

import hashlib
import string
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from jinja2 import Environment, nodes

from pipeline.checks.codes import CODES
from pipeline.web import language, words
from pipeline.web.chinese import CHINESE, FINDINGS
from pipeline.web.templating import FOLDER, STATIC
from tests.conftest import REPOSITORY
from tests.desks import Room, a_desk
from tests.web_client import ReviewApp, review_app

HTMX = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
TEMPLATES = sorted((FOLDER / "templates").glob("*.j2"))


def said() -> Iterator[tuple[str, nodes.Call]]:
    """The calls of `say` in all templates, and where they are."""
    for path in TEMPLATES:
        tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "say":
                yield f"{path.name}:{call.lineno}", call


def by_code() -> set[str]:
    """The words of `words.py`, which templates name by a code."""
    tables: list[Any] = [value for name, value in vars(words).items() if name.isupper()]
    return {
        text
        for table in tables
        for text in (table.values() if isinstance(table, dict) else [does for _, does in table])
    }


def placeholders(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}


def written() -> set[str]:
    """The messages that stand in templates as they are."""
    return {call.args[0].value for _, call in said() if isinstance(call.args[0], nodes.Const)}


def test_every_message_has_its_chinese_and_no_chinese_is_left_over() -> None:
    assert set(CHINESE) == written() | by_code()
    assert {code.meaning for code in CODES.values()} == set(FINDINGS)
    assert not CHINESE.keys() & FINDINGS.keys()


def test_both_languages_have_the_same_places_for_values() -> None:
    for english, chinese in language.WORDS.items():
        assert placeholders(english) == placeholders(chinese), english
        assert chinese.strip()


def test_every_call_gives_the_values_that_its_message_has_places_for() -> None:
    for where, call in said():
        (message,) = call.args
        if isinstance(message, nodes.Const):
            given = {keyword.key for keyword in call.kwargs}
            assert given == placeholders(message.value), where
        else:  # a table of `words.py`, or the meaning of a code
            assert call.kwargs == [], where


def test_nothing_is_written_in_templates_that_is_not_said() -> None:
    """What stands between the tags is a name, a key or a mark; messages go through `say`."""
    known = {"paperline", "English", "Esc", "Ctrl+Enter", "arXiv", "中文"}
    for path in TEMPLATES:
        tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
        text = "".join(data.data for data in tree.find_all(nodes.TemplateData))
        between = [part.partition(">")[2] for part in f">{text}".split("<")]
        found = {word for part in between for word in part.split() if word.isalpha()}
        assert {word for word in found if len(word) > 2} <= known, path.name


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Room:
    folder = tmp_path_factory.mktemp("words")
    made = a_desk(folder, papers=4, flaws={1: "error"}, gaps=[2], bare=[3])
    made.decide("exclude", 4, note="not ours")
    return made


@pytest.fixture(scope="module")
def app(desk: Room) -> Iterator[ReviewApp]:
    with review_app(desk.settings) as running:
        yield running


@pytest.mark.parametrize(
    "page", ["/", "", "?paper=1", "?paper=2", "?paper=3", "/preview", "/audit", "/state", "/x"]
)
def test_every_page_is_in_either_language(app, desk, page) -> None:
    alice = app.reviewer(desk)
    address = page if page == "/" else f"{alice.base}{page}"
    for number in (1, 2, 3):
        address = address.replace(f"paper={number}", f"paper={desk.id(number)}")
    pages = {
        tag: alice.client.get(address, {"Accept-Language": tag}).document for tag in ("en", "zh-CN")
    }
    texts = {tag: {text.strip() for text in document.itertext()} for tag, document in pages.items()}
    assert texts["en"] & set(language.WORDS)
    other = {english for english, chinese in language.WORDS.items() if english != chinese}
    assert texts["zh-CN"] & other == set()
    assert texts["zh-CN"] & set(language.WORDS.values())
    if page != "/state":
        assert [pages[tag].getroottree().getroot().get("lang") for tag in pages] == [
            "en",
            "zh-Hans",
        ]


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr, zh-TW;q=0.5, en;q=0.4", "zh-Hans"),
        ("zh;q=0, en", "en"),
        ("zh;q=x", "en"),
        ("*", "en"),
        ("", "en"),
        (",;q=;,zh" * 20, "zh-Hans"),
    ],
)
def test_the_browser_s_language_is_obeyed(app, accepted, tag) -> None:
    answer = app.client().get("/login", {"Accept-Language": accepted})
    assert f'<html lang="{tag}">' in answer.text


def test_the_switch_is_kept_and_leads_back_to_the_page_also_after_a_form(app, desk) -> None:
    alice = app.reviewer(desk)
    page = f"{alice.base}?paper={desk.id(1)}"
    form = {"paper": desk.id(1), "action": "hold", "seen": ""}
    refused = alice.client.post(
        f"{alice.base}/decide", form, {"Referer": f"{alice.client.origin}{page}"}
    )
    assert refused.status == 409
    (here,) = refused.document.cssselect('form[action="/language"] [name="next"]')
    assert here.get("value") == page
    for to, tag in [("zh", "zh-Hans"), ("en", "en")]:
        answer = alice.client.get(f"/language?to={to}&next={page}")
        assert answer.headers["Location"] == page
        for accepted in ("en", "zh"):
            shown = alice.client.get(page, {"Accept-Language": accepted})
            assert f'<html lang="{tag}">' in shown.text


def test_htmx_is_the_one_that_was_looked_at_and_its_licence_lies_beside_it() -> None:
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX
    assert "4.0.1" in (STATIC / "htmx.min.js").read_text(encoding="utf-8")
    assert "Permission to use, copy, modify" in (STATIC / "htmx.LICENSE.txt").read_text("utf-8")


def test_the_static_files_are_served_and_the_licence_is_none_of_them(app) -> None:
    for path in STATIC.iterdir():
        served = path.suffix in (".css", ".js", ".svg")
        assert app.client().get(f"/static/{path.name}").status == (200 if served else 404)
    page = app.client().get("/login").document
    for address in page.xpath("//script/@src | //link[@rel='stylesheet']/@href"):
        assert app.client().get(address).status == 200


def test_a_wheel_holds_the_templates_and_the_static_files(tmp_path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    needed = [*TEMPLATES, *STATIC.iterdir()]
    assert {path.relative_to(REPOSITORY).as_posix() for path in needed} <= names
