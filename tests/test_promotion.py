"""One value of paperline.toml changes, and everything else of the file stays to the letter."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import promotion
from pipeline.errors import OutputError, PaperlineError, SettingsError
from pipeline.promotion import promote

PLAIN = '[[topic]]\nname = "tides"\nquery = "all:tide"\nprompt = "one_line"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "paperline.toml"


def after(file: Path, text: str, prompt: str = "results_first", topic: str = "tides") -> str:
    """The file's text when the topic `tides` was given another prompt."""
    file.write_bytes(text.encode())
    promote(file, topic, prompt)
    return file.read_bytes().decode()


def error_of(file: Path, topic: str = "tides", prompt: str = "results_first") -> PaperlineError:
    """The error that keeps the file as it is."""
    before = file.read_bytes()
    with pytest.raises(PaperlineError) as caught:
        promote(file, topic, prompt)
    assert file.read_bytes() == before
    assert [path for path in file.parent.iterdir() if path.name.endswith(".part")] == []
    return caught.value


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ('prompt = "one_line"', 'prompt = "results_first"'),
        ("prompt = 'one_line'", "prompt = 'results_first'"),
        ('prompt="one_line"# why: readers asked', 'prompt="results_first"# why: readers asked'),
        ('\t"prompt"  =  "one_line"  # why', '\t"prompt"  =  "results_first"  # why'),
        ('prompt = """one_line"""', 'prompt = "results_first"'),
    ],
)
def test_the_value_is_replaced_where_it_stands(file, before, wanted):
    above = '# Ours\ntime_zone = "UTC"\n\n[[topic]]  # the first\nname = "tides"\n'
    below = '\nquery = "all:tide"\n\n# the model\n[model]\nname = "m"\n'
    assert after(file, above + before + below) == above + wanted + below


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_key_that_lacks_stands_behind_the_tables_own_and_before_what_belongs_to_the_next(
    file, end, mark
):
    own = f'{mark}[[topic]]{end}  name = "tides"{end}  query = "all:tide" # ours{end}'
    rest = (
        f'{end}# lamps{end}# and more{end}[[topic]]{end}name = "lamps"{end}query = "all:lamp"{end}'
    )
    added = f'  prompt = "results_first"{end}'
    assert after(file, own + rest) == own + added + rest


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_without_a_last_line_end_still_has_none(file, end):
    text = f'[[topic]]{end}name = "tides"{end}query = "all:tide"'
    assert after(file, text) == f'{text}{end}prompt = "results_first"'


def test_a_list_of_several_lines_is_no_header_and_no_end_of_the_table(file):
    own = '[[topic]]\nname = "tides"\nquery = """all:tide\n[model]\n"""\n'
    own += 'categories = [\n"cs.LG",\n]\n'
    rest = '[[topic]]\nname = "lamps"\nquery = "all:lamp"\n'
    assert after(file, own + rest) == own + 'prompt = "results_first"\n' + rest


def test_tables_of_the_list_that_stand_apart_stay_where_they_are(file):
    text = (
        '[[topic]]\nname = "lamps"\nquery = "q"\n\n[model]\nname = "m"\n\n'
        '[[topic]]\nname = "tides"\nquery = "q"\nprompt = "one_line"\n\n[site]\ntitle = "T"\n'
    )
    assert after(file, text) == text.replace("one_line", "results_first")


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (
            '{name = "tides", query = "q"}',
            '{name = "tides", query = "q", prompt = "results_first"}',
        ),
        (
            '{ name = "tides", query = "q" }',
            '{ name = "tides", query = "q", prompt = "results_first" }',
        ),
        (
            '{ prompt = "one_line", name = "tides", query = "q" }',
            '{ prompt = "results_first", name = "tides", query = "q" }',
        ),
    ],
)
def test_topics_may_be_inline_tables(file, before, wanted):
    text = (
        'site.title = "T"\ntopic = [\n  {name = "lamps", query = "q"}, # one\n  %s,\n]\n[model]\n'
    )
    assert after(file, text % before) == text % wanted


def test_the_topic_in_a_comment_or_text_is_not_taken_for_it(file):
    text = (
        '# [[topic]]\n# name = "tides"\n# prompt = "one_line"\n'
        '[site]\ntitle = "name = tides, prompt = one_line"\n' + PLAIN
    )
    assert after(file, text) == text.removesuffix(PLAIN) + PLAIN.replace(
        "one_line", "results_first"
    )


def test_it_says_what_the_prompt_was_and_is(file):
    file.write_text(PLAIN)
    assert promote(file, "tides", "results_first") == (file, "one_line", "results_first")
    assert promote(file, "tides", "one_line") == (file, "results_first", "one_line")


@pytest.mark.parametrize("text", [PLAIN, PLAIN.replace('prompt = "one_line"\n', "")])
def test_a_prompt_that_is_the_topics_already_is_not_written_again(file, text):
    file.write_text(text)
    before = file.stat()
    assert promote(file, "tides", "one_line").before == "one_line"
    assert file.stat() == before
    assert file.read_text() == text


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_files_mode_stays(file, mode):
    file.write_text(PLAIN)
    file.chmod(mode)
    promote(file, "tides", "results_first")
    assert file.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to somebody else")
def test_the_files_owner_stays(file):
    file.write_text(PLAIN)
    os.chown(file, 12_345, 12_346)
    promote(file, "tides", "results_first")
    assert (file.stat().st_uid, file.stat().st_gid) == (12_345, 12_346)


def test_of_a_symbolic_link_the_target_is_replaced(file, tmp_path):
    target = tmp_path / "etc" / "real.toml"
    target.parent.mkdir()
    target.write_text(PLAIN)
    file.symlink_to(target)
    assert promote(file, "tides", "results_first").file == target
    assert file.is_symlink()
    assert target.read_text() == PLAIN.replace("one_line", "results_first")


def test_a_file_that_somebody_changes_meanwhile_is_left_as_they_made_it(file, monkeypatch):
    file.write_text(PLAIN)
    theirs = PLAIN + "limit = 5\n"
    real = os.fsync

    def change_it_too(handle: int) -> None:
        real(handle)
        file.write_text(theirs)

    monkeypatch.setattr("pipeline.promotion.os.fsync", change_it_too)
    with pytest.raises(OutputError, match="was changed meanwhile"):
        promote(file, "tides", "results_first")
    assert file.read_text() == theirs
    assert list(file.parent.iterdir()) == [file]


def test_a_write_protected_file_is_not_replaced(file, monkeypatch):
    file.write_text(PLAIN)
    # Root may write to any file, so the answer of the system is given here.
    monkeypatch.setattr("pipeline.promotion.os.access", lambda *_: False)
    assert "write-protected" in str(error_of(file))


def test_a_topic_that_the_file_does_not_have_is_an_error_that_names_those_it_has(file):
    file.write_text(PLAIN)
    assert "there is no topic 'lamps'; configured: tides" in str(error_of(file, topic="lamps"))


@pytest.mark.parametrize("prompt", ["-dash", 'a"b', "a\nb = 1", "../x", ""])
def test_a_name_that_the_settings_do_not_take_is_not_written(file, prompt):
    for text in (PLAIN, PLAIN.replace('prompt = "one_line"\n', "")):
        file.write_text(text)
        error = error_of(file, prompt=prompt)
        assert isinstance(error, SettingsError)
        assert "Nothing was written" in str(error)
        assert str(file) in str(error)


def test_a_layout_that_tomlkit_would_not_keep_is_refused(file, monkeypatch):
    file.write_text(PLAIN)
    monkeypatch.setattr("tomlkit.dumps", lambda _: "another text")
    assert "laid out in a way" in str(error_of(file))


def test_an_edit_that_would_change_more_than_the_value_is_refused(file, monkeypatch):
    file.write_text(PLAIN)
    more = PLAIN.replace("one_line", "results_first").replace("all:tide", "all:sea")
    monkeypatch.setattr(promotion, "_edited", lambda *_: more)
    assert "would not differ in that value alone" in str(error_of(file))


def test_a_damaged_file_is_said_to_be_and_kept(file):
    file.write_text(PLAIN + "limit = = 5\n")
    assert "is not TOML" in str(error_of(file))


BLANKS = st.sampled_from(
    ["", "\n", "# a note\n", '\n# [[topic]]\n# name = "t0"\n\n', " \n\t# é 注\n"]
)
OTHERS = [
    '[site]\ntitle = "a # b"\n',
    "[model] # ours\nname = 'm'\nparameters = { temperature = 0.5 }\n",
    '[budget]\n"usd_per_run" = 2.5\n',
    'review.policy = "none"\n',
    "[check]\nopenings = [\n  # [[topic]]\n  \"[topic]\",\n  '[[topic]]',\n]\n",
]
QUERIES = [
    'query = "all:x" # q\n',
    "query = '''\nall:x\n[[topic]]\n'''\n",
    'query = """all:x\n[model]"""\n',
]
KEYS = [
    "limit = 5 # at most\n",
    'categories = [ "cs.LG", # one\n "stat.*",\n ]\n',
    "exclude=['x']\n",
]


@st.composite
def files_with_topics(draw) -> tuple[str, int]:
    """A settings file, and how many topics t0, t1, ... it has, laid out in many ways."""
    count = draw(st.integers(1, 4))
    topics = []
    for number in range(count):
        prompts = ["", 'prompt = "one_line"\n', "prompt='plain_language' # why\n"]
        keys = [f'name = "t{number}"\n', *(draw(st.sampled_from(x)) for x in (QUERIES, prompts))]
        keys += draw(st.lists(st.sampled_from(KEYS), unique=True))
        indent = draw(st.sampled_from(["", "  ", "\t"]))
        lines = [draw(BLANKS) + indent + key for key in draw(st.permutations(keys)) if key]
        topics.append("[[topic]]\n" + "".join(lines))
    others = draw(st.lists(st.sampled_from(OTHERS), unique=True))
    # A key of the file itself stands before the first table.
    roots = [each for each in others if not each.startswith("[")]
    tables = draw(st.permutations([*topics, *(e for e in others if e.startswith("["))]))
    text = "".join(draw(BLANKS) + part for part in [*roots, *tables]) + draw(BLANKS)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text, count


@given(made=files_with_topics(), data=st.data())
def test_whatever_the_layout_only_that_value_changes(tmp_path_factory, made, data):
    text, count = made
    file = tmp_path_factory.mktemp("layout") / "paperline.toml"
    topic = f"t{data.draw(st.integers(0, count - 1))}"
    changed = after(file, text, "three_sentences", topic)
    before, now = (tomllib.loads(each.removeprefix("\ufeff")) for each in (text, changed))
    (table,) = (each for each in before["topic"] if each["name"] == topic)
    old = table.get("prompt")
    table["prompt"] = "three_sentences"
    assert now == before
    assert _undone(changed, old) == text
    assert file.stat().st_mode & 0o777 == 0o644


def _undone(changed: str, old: str | None) -> str:
    """The text before the change, of which the new prompt's name tells the place."""
    assert changed.count("three_sentences") == 1
    if old is not None:
        return changed.replace("three_sentences", old)
    lines = changed.splitlines(keepends=True)
    (place,) = (n for n, line in enumerate(lines) if "three_sentences" in line)
    assert lines[place].strip() == 'prompt = "three_sentences"'
    added = lines.pop(place)
    # The last line of a file may lack its end.
    return "".join(lines) if added.endswith("\n") else "".join(lines).rstrip("\r\n")
