import itertools
import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks.codes import CODES
from pipeline.configuration import effective, load
from pipeline.errors import SettingsError
from pipeline.files import bundled_folder
from pipeline.settings import Settings
from pipeline.settings_faults import SECRET, Keys, line_of

TOPIC = '[[topic]]\nname = "tides"\nquery = "all:tide"\n'


def fault(tmp_path, text, environ=None) -> str:
    file = tmp_path / "paperline.toml"
    file.write_bytes(text.encode("utf-8"))
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {})
    return str(caught.value).replace(str(file), "FILE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\ntime_zon = "UTC"', "FILE:2: time_zon: found an unknown key, expected time_zone"),
        (
            "[arxiv]\ndelay = 3.0\nzzz = 1",
            "FILE:3: arxiv.zzz: found an unknown key, expected one of "
            "url, delay, page_size, timeout, patience, contact",
        ),
        ("[sight]\n", "FILE:1: sight: found an unknown key, expected site"),
        ("\noutputs = 3", "FILE:2: outputs: found 3, expected a path"),
        ('outputs = ""', 'FILE:1: outputs: found "", expected a path'),
        ("site = 1", "FILE:1: site: found 1, expected a table"),
        ("[topic]\n", "FILE:1: topic: found {}, expected a list of tables, each headed [[topic]]"),
        (
            '[model]\nconcurrency = "many"',
            'FILE:2: model.concurrency: found "many", expected a whole number',
        ),
        ("[check]\njudge = 1", "FILE:2: check.judge: found 1, expected true or false"),
        (
            "[check]\nwords = [4]",
            "FILE:2: check.words: found [4], expected two whole numbers from 1, the smaller one "
            "first: [4, 60]",
        ),
        (
            "[check]\nwords = [9, 3]",
            "FILE:2: check.words: found [9, 3], expected two whole numbers from 1",
        ),
        (
            "[check]\n\ncharacters = [0, 3]",
            "FILE:3: check.characters: found [0, 3], expected two whole numbers from 1",
        ),
        (
            '[check]\nwords = [4, "x"]',
            'FILE:2: check.words[1]: found "x", expected a whole number',
        ),
        (
            '[check]\nopenings = "本文"',
            'FILE:2: check.openings: found "本文", expected a list of texts: ["...", "..."]',
        ),
        (
            '[check]\nopenings = ["本文", ""]',
            'FILE:2: check.openings[1]: found "", expected one line of text',
        ),
        (
            '[check.severity]\nspacing = "off"\nnumber-scal = "off"',
            "FILE:3: check.severity.number-scal: found an unknown key, expected number-scale",
        ),
        (
            '[check]\nseverity = { x = "off" }',
            "FILE:2: check.severity.x: found an unknown key, expected one of number-unknown, ",
        ),
        (
            '[check.severity]\nspacing = "off"\nterm = "fatal"',
            'FILE:3: check.severity.term: found "fatal", '
            'expected "error" or "warning" or "note" or "off"',
        ),
        (
            "[check.severity]\nterm = 1",
            'FILE:2: check.severity.term: found 1, expected "error" or "warning"',
        ),
        (
            "[check]\nseverity = 3",
            "FILE:2: check.severity: found 3, expected a table",
        ),
        (
            '[model.price]\ninput = 1.0\noutput = "x"',
            'FILE:3: model.price.output: found "x", expected a number',
        ),
        ("[arxiv]\ndelay = true", "FILE:2: arxiv.delay: found true, expected a number"),
        ('[site]\ntitle = ""', 'FILE:2: site.title: found "", expected one line of text'),
        (
            '[review]\npolicy = "some"',
            'FILE:2: review.policy: found "some", expected "all" or "flagged" or "none"',
        ),
        (
            '[review]\npublish = "now"',
            'FILE:2: review.publish: found "now", expected "settled" or "asked"',
        ),
        ("[review]\nremind_after = 0", "FILE:2: review.remind_after: found 0, expected a number"),
        (
            '[review]\nhosts = "review.example.org"',
            'FILE:2: review.hosts: found "review.example.org", expected a list of texts: ',
        ),
        (
            '[review]\nhosts = ["a.example", "https://b.example/"]',
            'FILE:2: review.hosts[1]: found "https://b.example/", expected a host name in lower '
            "case, such as review.example.org",
        ),
        (
            '[review]\neditors = "hunter2"',
            "FILE:2: review.editors: found (not shown), expected a table",
        ),
        (
            '[review.editors]\n"Mei Lan" = "hunter2"',
            "FILE:2: review.editors.Mei Lan: found (not shown), expected an argon2id hash; "
            "paperline review --hash-password makes one",
        ),
        (
            '[review.editors]\n"Mei Lan" = "$argon2i$v=19$m=8,t=1,p=1$b25lIHNhbHQ$aGFzaA"',
            "FILE:2: review.editors.Mei Lan: found (not shown), expected an argon2id hash; ",
        ),
        (
            '[review.editors]\n"Mei Lan" = ["hunter2"]',
            "FILE:2: review.editors.Mei Lan: found (not shown), expected a text",
        ),
        (
            '[review.editors]\n" " = "$argon2id$v=19$m=8,t=1,p=1$b25lIHNhbHQ$aGFzaA"',
            "FILE:1: review.editors: found a name that cannot be one, expected one line of text",
        ),
        (
            f'{TOPIC}select = "best"',
            'FILE:4: topic[0].select: found "best", expected "new" or "latest"',
        ),
        (
            f'{TOPIC}order = "relevance"',
            'FILE:4: topic[0].order: found "relevance", expected "updated" or "submitted"',
        ),
        (
            f'{TOPIC}revised = "hide"',
            'FILE:4: topic[0].revised: found "hide", expected "show" or "skip"',
        ),
        (
            f'{TOPIC}categories = "cs.LG"',
            'FILE:4: topic[0].categories: found "cs.LG", expected a list of texts: ["...", "..."]',
        ),
        (
            f'{TOPIC}categories = ["cs.LG", "CS LG"]',
            'FILE:4: topic[0].categories[1]: found "CS LG", expected a category such as cs.LG',
        ),
        (
            f"{TOPIC}exclude = [1]",
            "FILE:4: topic[0].exclude[0]: found 1, expected a text",
        ),
        (
            f'{TOPIC}exclude = ["--"]',
            'FILE:4: topic[0].exclude[0]: found "--", expected a word or a phrase',
        ),
        ("[arxiv]\npatience = -1", "FILE:2: arxiv.patience: found -1, expected a number"),
        ('[[topic]]\nname = "a"', "FILE:1: topic[0].query: found nothing, expected a value"),
        (
            '[[topic]]\nname = "../a"\nquery = "x"',
            'FILE:2: topic[0].name: found "../a", expected lower-case letters, digits, - and _, '
            "beginning with a letter or digit",
        ),
        (
            f"{TOPIC}{TOPIC}",
            'FILE:5: topic[1].name: found "tides", expected each topic once',
        ),
        (
            '[[topic]]\nname = "site"\nquery = "x"',
            'FILE:2: topic[0].name: found "site", expected another name: site is taken by the site',
        ),
        (
            'time_zone = "Mars/Base"',
            'FILE:1: time_zone: found "Mars/Base", '
            "expected an IANA time zone such as Asia/Shanghai or UTC",
        ),
        (
            "[arxiv]\ndelay = 1.0",
            "FILE:2: arxiv.delay: found 1.0, "
            "expected at least 3 seconds, which arXiv's terms of use ask for",
        ),
        ("[budget]\nusd_per_run = nan", "FILE:2: budget.usd_per_run: found nan"),
        ("[budget]\nusd_per_day = inf", "FILE:2: budget.usd_per_day: found inf"),
        ("[budget]\ntokens_per_run = -1", "FILE:2: budget.tokens_per_run: found -1"),
        ('[site]\nurl = "ftp://a"', 'FILE:2: site.url: found "ftp://a", expected an address'),
        ('[site]\nurl = "http://[::1"', 'FILE:2: site.url: found "http://[::1", expected'),
        ('[site]\nurl = "http://a:b/"', 'FILE:2: site.url: found "http://a:b/", expected'),
        ('[site]\r\ntitle = "x"\r\nurl = "no"\r\n', 'FILE:3: site.url: found "no", expected'),
        ("a = ", "FILE: is not TOML: "),
        ('x = "1\n', "FILE: is not TOML: "),
        (f"limit = {'9' * 5000}", "FILE: is not TOML: "),
        (f"limit = {'[' * 5000}", "FILE: is not TOML: "),
    ],
)
def test_a_fault_names_line_key_what_was_found_and_what_was_expected(tmp_path, text, message):
    assert fault(tmp_path, text).startswith(message)


def test_a_finding_of_any_code_may_be_turned_off_or_weigh_otherwise(tmp_path):
    file = tmp_path / "paperline.toml"
    severities = ["error", "warning", "note", "off"]
    asked = dict(zip(CODES, itertools.cycle(severities), strict=False))
    table = "".join(f'{code} = "{severity}"\n' for code, severity in asked.items())
    file.write_text(f"[check.severity]\n{table}", encoding="utf-8")
    assert load(file, {}).check.severity == asked


def test_a_file_that_is_named_must_be_there_and_the_usual_one_need_not(tmp_path):
    with pytest.raises(SettingsError, match="there is no such file"):
        load(tmp_path / "other.toml", {})
    assert load(None, {}) == msgspec.structs.replace(Settings(), prompts=bundled_folder())


def test_paths_are_relative_to_the_folder_of_the_file(tmp_path):
    file = tmp_path / "a" / "paperline.toml"
    (file.parent / "prompts").mkdir(parents=True)
    file.write_text('cache = "/var/paid"\noutputs = "made"\n', encoding="utf-8")
    found = load(file, {})
    assert found.outputs == file.parent / "made"
    assert found.prompts == file.parent / "prompts"
    assert str(found.cache) == "/var/paid"


def test_the_environment_comes_before_the_file_and_is_named_in_faults(tmp_path):
    file = tmp_path / "paperline.toml"
    file.write_text('[model]\nname = "a"\nbase_url = "https://b/"\n', encoding="utf-8")
    environ = {"PAPERLINE_MODEL": "c", "PAPERLINE_ARXIV_URL": "http://127.0.0.1:1/q"}
    found = load(file, environ)
    assert (found.model.name, found.model.base_url) == ("c", "https://b/")
    assert found.arxiv.url == "http://127.0.0.1:1/q"
    assert load(file, {"PAPERLINE_MODEL": ""}).model.name == "a"
    assert fault(tmp_path, "", {"OPENAI_BASE_URL": "nowhere"}).startswith(
        'environment OPENAI_BASE_URL: model.base_url: found "nowhere", expected an address'
    )


@pytest.mark.parametrize("host", ["arxiv.org", "export.arxiv.org", "ARXIV.org"])
def test_arxiv_itself_is_never_asked_faster_than_it_allows(tmp_path, host):
    text = f'[arxiv]\ndelay = 0.0\nurl = "https://{host}/api/query"'
    assert "at least 3 seconds" in fault(tmp_path, text)


def test_another_host_may_be_asked_faster(tmp_path):
    file = tmp_path / "paperline.toml"
    file.write_text('[arxiv]\ndelay = 0.0\nurl = "http://notarxiv.org/"', encoding="utf-8")
    assert load(file, {}).arxiv.delay == 0.0


def test_secrets_are_never_shown(tmp_path):
    file = tmp_path / "paperline.toml"
    file.write_text(
        '[model]\nbase_url = "https://me:hunter2@host/v1"\n'
        "[model.parameters]\ntemperature = 0.5\n"
        'extra = {api_key = "hunter2", "X-Token" = ["hunter2"]}\n',
        encoding="utf-8",
    )
    shown = {item.name: item.value for item in effective(file, {})}
    assert "hunter2" not in str(shown)
    assert shown["model.base_url"] == '"https://(not shown)@host/v1"'
    assert "temperature = 0.5" in shown["model.parameters"]


def test_the_hash_of_a_password_is_not_shown(tmp_path):
    file = tmp_path / "paperline.toml"
    made = "$argon2id$v=19$m=8,t=1,p=1$b25lIHNhbHQ$aGFzaA"
    file.write_text(f'[review.editors]\n"Mei Lan" = "{made}"\n', encoding="utf-8")
    assert load(file, {}).review.editors == {"Mei Lan": made}
    shown = {item.name: item.value for item in effective(file, {})}
    assert shown["review.editors"] == "{Mei Lan = (not shown)}"


@pytest.mark.parametrize(
    "text",
    [
        '[review]\neditors = { alice = "hunter2" }',
        '[review]\neditors = ["hunter2"]',
        '[model]\napi_key_env = "sk-hunter2"',
        '[model]\napi_key = "hunter2"',
        '[model]\nbase_url = "ftp://me:hunter2@host"',
        '[model]\nbase_url = "http://me:hunter2@[host"',
        '[model]\nparameters = "hunter2" \nname = 3 ',
    ],
)
def test_a_secret_in_the_wrong_place_is_not_in_the_fault(tmp_path, text):
    message = fault(tmp_path, text)
    assert "hunter2" not in message or 'parameters: found "hunter2"' in message


def test_effective_tells_value_and_origin_of_every_setting(tmp_path):
    file = tmp_path / "paperline.toml"
    file.write_text(f'{TOPIC}\n[model]\nname = "m"\n', encoding="utf-8")
    rows = {item.name: item for item in effective(file, {"OPENAI_BASE_URL": "http://a/"})}
    assert rows["topic[0].query"] == ("topic[0].query", '"all:tide"', f"{file}:3")
    assert rows["model.name"].origin == f"{file}:6"
    assert rows["model.base_url"].origin == "environment OPENAI_BASE_URL"
    assert rows["arxiv.delay"] == ("arxiv.delay", "3.0", "default")


def test_an_unknown_topic_names_those_there_are(tmp_path):
    file = tmp_path / "paperline.toml"
    file.write_text(TOPIC, encoding="utf-8")
    assert load(file, {}).find_topic("tides").query == "all:tide"
    with pytest.raises(SettingsError, match="no topic 'waves'; configured: tides"):
        load(file, {}).find_topic("waves")


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("a",), 1),
        (("text",), 3),
        (("t", "b"), 8),
        (("t", "list"), 9),
        (("topic", 0, "x"), 14),
        (("topic", 1, "x"), 16),
        (("topic", 2), None),
        (("t", "c"), None),
        (("a", "b"), None),
    ],
)
def test_the_line_of_a_key_is_where_its_statement_begins(keys: Keys, line):
    text = (
        'a = 1\n\ntext = """\nb = 2\n[t]\n"""\n[t]\nb = 3\nlist = [\n  1,\n  2,\n]\n'
        "[[topic]]\nx = 1\n[[topic]]\nx = 2\n"
    )
    assert line_of(text, keys) == line


NAMES = st.sampled_from(
    [
        *Settings.__struct_fields__,
        *("name", "query", "url", "delay", "limit", "parameters", "a.b]`"),
        *("words", "openings", "severity", "price", "spacing"),
    ]
)
VALUES = st.recursive(
    st.none().map(lambda _: 10**400)
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.datetimes()
    | st.sampled_from(["http://[", "file:///x", "UTC", "a\0", "x@http://["]),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)


def toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_table_is_settings_or_a_settings_error(tmp_path_factory, table):
    text = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())
    tomllib.loads(text)
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(text, encoding="utf-8")
    try:
        assert isinstance(load(file, {}), Settings)
        assert list(effective(file, {}))
    except SettingsError as error:
        assert str(file) in error.where  # noqa: PT017  either outcome is right


def test_what_counts_as_a_secret():
    assert SECRET.search("X-API-Key")
    assert not SECRET.search("temperature")


def with_fallback(*lines: str) -> str:
    return "\n".join(
        [
            '[model]\nname = "a"\nbase_url = "https://one.example/v1"\napi_key_env = "ONE_KEY"',
            '[[model.fallback]]\nname = "b"',
            *lines,
        ]
    )


def test_a_fallback_has_the_keys_of_the_model_and_comes_after_it(tmp_path):
    file = tmp_path / "paperline.toml"
    file.write_text(with_fallback('base_url = "https://two.example/v1"', 'api_key_env = "TWO_KEY"'))
    first, second = load(file, {}).model.providers
    assert (first.name, first.api_key_env) == ("a", "ONE_KEY")
    assert (second.name, second.api_key_env, second.timeout) == ("b", "TWO_KEY", 60.0)


def test_a_key_that_belongs_to_one_address_is_never_sent_to_another(tmp_path):
    file = tmp_path / "paperline.toml"
    file.write_text(with_fallback('base_url = "https://two.example/v1"', 'api_key_env = "ONE_KEY"'))
    with pytest.raises(SettingsError, match=r"fallback\[0\].api_key_env.*own variable"):
        load(file, {})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("timeout = 0", "fallback\\[0\\].timeout"),
        ("price = { input = 1.0 }", "input and output"),
        ("price = { input = -1.0, output = 1.0 }", "each 0 or more"),
        ("parameters = { stream = true }", "which paperline sets itself"),
        ("fallback = []", "an unknown key"),
    ],
)
def test_what_is_wrong_in_a_fallback_is_named_with_its_place(tmp_path, line, expected):
    file = tmp_path / "paperline.toml"
    file.write_text(
        with_fallback('base_url = "https://one.example/v1"', 'api_key_env = "ONE_KEY"', line)
    )
    with pytest.raises(SettingsError, match=expected):
        load(file, {})


@pytest.mark.parametrize("contact", ["a@b c", "someone", "a@b\\nX: y", "é@b.example"])
def test_a_contact_that_cannot_stand_in_a_header_is_refused(tmp_path, contact):
    file = tmp_path / "paperline.toml"
    file.write_text(f'[arxiv]\ncontact = "{contact}"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"arxiv\.contact"):
        load(file, {})


def test_a_folder_is_no_settings_file(tmp_path):
    with pytest.raises(SettingsError, match="is not a file"):
        load(tmp_path, {})
