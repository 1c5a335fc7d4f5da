"""A digest for other programs: each form is read back by a program that knows it."""

import csv
import io
import json
import re
from typing import Any

import jsonschema
import pytest
import rispy  # type: ignore[import-untyped]
from bibtexparser.entrypoint import parse_string
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.exporting import FORMATS, export
from pipeline.cli.main import cli
from pipeline.errors import UsageError
from pipeline.exports.bibtex import digest_bibtex
from pipeline.exports.documents import digest_document, digest_json
from pipeline.exports.notes import taken_back
from pipeline.exports.ris import digest_ris
from pipeline.exports.spreadsheet import BYTE_ORDER_MARK, FORMULA, digest_csv, harmless
from pipeline.exports.tex import latex, protected
from pipeline.exports.tex_commands import IN_FORMULAS, LETTERS, SYMBOLS, WITH_GROUP
from pipeline.records import Digest, Failure, Paper, Withdrawal
from pipeline.releasing import withdraw
from pipeline.site.latex.rendering import to_text
from pipeline.text import one_line
from tests.desks import Room, a_desk
from tests.digests import (
    INSTANT,
    a_decision,
    a_digest,
    a_line,
    a_paper,
    a_publication,
    an_entry,
    approved,
)
from tests.terminal import Terminal

NAME = "tides/20260501_0405"
UNREACHABLE = Failure(kind="unavailable", reason="localhost:8000: refused")
STAND_IN = {"en": a_line("tides, harbour", "embedded"), "zh": a_line("潮汐、港口", "embedded")}
BY_HAND = {"en": a_line("By hand.", "editor", editor="Mei Lan"), "zh": a_line("手写。", "editor")}
HOSTILE = "\x1b[31m=cmd|' /C calc'!A0\r\nER  - \nTY  - BOOK\n@book{x,}\u202e\u2028\x00\x9b</script>"

texts = st.text() | st.sampled_from([HOSTILE, "=1+1", "a;b", '"', "'=x", "\\", "A  -  B", ","])


def every_kind() -> Digest:
    """One line by a model, one stand-in, one by an editor, and a decision that left one out."""
    return a_digest(
        approved(an_entry(1)),
        an_entry(2, lines=STAND_IN, gap=UNREACHABLE),
        approved(an_entry(3, lines=BY_HAND)),
        excluded=(a_decision(a_paper(4), action="exclude"),),
    )


def of(paper: Paper) -> Digest:
    return a_digest(approved(an_entry(paper=paper)))


def of_text(text: str) -> Digest:
    """A digest that says `text` wherever text can stand."""
    paper = a_paper(
        title=text or "-",
        authors=(text, "Ada Kelp"),
        abstract=text,
        comments=text,
        venue=text,
        doi=text,
        primary_category=text,
        categories=(text,),
        url=text,
        pdf_url=text,
    )
    lines = {"en": a_line(text, "editor", editor=text), "zh": a_line(text, model=text, prompt=text)}
    return a_digest(approved(an_entry(paper=paper, lines=lines), editor=text), title=text)


class TestCsv:
    @staticmethod
    def rows(digest: Digest) -> list[dict[str, str]]:
        made = digest_csv(digest)
        assert made.startswith(BYTE_ORDER_MARK)
        text = made.encode().decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))

    def test_a_row_holds_the_papers_fields_and_lines(self) -> None:
        digest = of(a_paper(doi="10.1000/tide.1", version=2))
        (row,) = self.rows(digest)
        assert row == {
            "topic": "tides",
            "snapshot": "20260501_0405",
            "digest_status": "published",
            "arxiv": "arXiv:2604.90001v2",
            "id": "2604.90001",
            "version": "2",
            "status": "new",
            "title": a_paper().title,
            "authors": "Ada Kelp; Lü Haiyan; Orla O'Brine",
            "en": "Adapts a coastal model to harbour 1 with few gauges.",
            "en_origin": "model",
            "en_model": "tide-1",
            "en_prompt": "one_line",
            "en_editor": "",
            "zh": "用少量潮位站把近岸模型适配到第 1 个港口。",
            "zh_origin": "model",
            "zh_model": "tide-1",
            "zh_prompt": "one_line",
            "zh_editor": "",
            "gap": "",
            "reviewed_by": "Mei Lan",
            "pinned": "",
            "first": "2026-04-29T12:45:00Z",
            "latest": "2026-04-29T12:45:00Z",
            "withdrawn": "",
            "primary_category": "physics.ao-ph",
            "categories": "physics.ao-ph; cs.LG",
            "comments": "9 pages, 3 figures",
            "venue": "Journal of Invented Tides 4 (2026)",
            "doi": "10.1000/tide.1",
            "url": "https://arxiv.org/abs/2604.90001v1",
            "pdf_url": "https://arxiv.org/pdf/2604.90001v1",
            "abstract": a_paper().abstract,
        }

    def test_each_line_has_its_origin_and_a_gap_its_kind(self) -> None:
        rows = self.rows(every_kind())
        assert [row["en_origin"] for row in rows] == ["model", "embedded", "editor"]
        assert [row["gap"] for row in rows] == ["", "unavailable", ""]
        assert [row["reviewed_by"] for row in rows] == ["Mei Lan", "", "Mei Lan"]
        assert rows[2]["en_editor"] == "Mei Lan"
        assert "localhost" not in digest_csv(every_kind())

    def test_lines_end_as_rfc_4180_asks(self) -> None:
        made = digest_csv(every_kind())
        assert made.count("\r\n") == made.count("\n") == made.count("\r") == 4

    def test_a_digest_without_papers_is_its_header(self) -> None:
        assert self.rows(a_digest().but(papers=())) == []
        assert digest_csv(a_digest().but(papers=())).startswith(BYTE_ORDER_MARK + "topic,snapshot,")

    @pytest.mark.parametrize("sign", [*"=+-@＝＋－＠", "\t=", "\r=", "\x00=", "'=", " ="])
    def test_what_a_spreadsheet_would_compute_has_an_apostrophe_before_it(self, sign: str) -> None:
        (row,) = self.rows(of(a_paper(title=f"{sign}HYPERLINK(1)")))
        assert row["title"].startswith("'")
        assert row["title"].removeprefix("'") == one_line(f"{sign}HYPERLINK(1)")

    def test_a_minus_or_an_apostrophe_elsewhere_stays(self) -> None:
        assert harmless("state-of-the-art = 1") == "state-of-the-art = 1"
        assert harmless("'Tis a tide") == "'Tis a tide"

    @given(texts)
    def test_any_text_comes_back_on_one_line(self, text: str) -> None:
        (row,) = self.rows(of_text(text))
        for column in ("en", "zh", "zh_model", "title", "abstract", "comments", "venue", "doi"):
            cell = row[column]
            assert not re.match(r"[=+\-@\t\r＝＋－＠]", cell)
            plain = cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
            expected = "-" if column == "title" and not text else one_line(text)
            assert plain == expected


class TestRis:
    @staticmethod
    def records(digest: Digest) -> list[dict[str, Any]]:
        return list(rispy.loads(digest_ris(digest)))

    def test_a_record_holds_the_papers_fields(self) -> None:
        (record,) = self.records(of(a_paper(doi="10.1000/tide.1")))
        assert record["type_of_reference"] == "UNPB"
        assert record["id"] == "2604.90001"
        assert record["authors"] == ["Ada Kelp", "Lü Haiyan", "Orla O'Brine"]
        assert record["title"] == a_paper().title
        assert record["abstract"] == one_line(to_text(a_paper().abstract))
        assert (record["year"], record["date"]) == ("2026", "2026/04/29")
        assert record["doi"] == "10.1000/tide.1"
        assert record["urls"] == ["https://arxiv.org/abs/2604.90001v1"]
        assert record["keywords"] == ["physics.ao-ph", "cs.LG"]
        assert record["language"] == "en"
        assert record["accession_number"] == "arXiv:2604.90001v1"

    def test_the_lines_are_notes_each_with_who_wrote_it(self) -> None:
        by_model, picked, by_hand = (one["notes"] for one in self.records(every_kind()))
        assert by_model[:2] == [
            "Adapts a coastal model to harbour 1 with few gauges. "
            "[Written by a language model: tide-1]",
            "用少量潮位站把近岸模型适配到第 1 个港口。 [由语言模型 tide-1 撰写]",
        ]
        assert by_model[2:] == [
            "Reviewed by Mei Lan.",
            "From tides/20260501_0405.",
            "9 pages, 3 figures",
            "Published in: Journal of Invented Tides 4 (2026)",
        ]
        assert picked[0].endswith("a program, not written by a model.]")
        assert picked[1].endswith("并非模型撰写。]")
        assert picked[2] == "There is no line by the model: it could not be reached."
        assert picked[3] == "Not reviewed by a person."
        assert by_hand[:2] == ["By hand. [Edited by Mei Lan]", "手写。 [经编辑修改]"]

    def test_a_draft_and_a_withdrawn_paper_say_so(self) -> None:
        gone = Withdrawal(version=2, at=INSTANT, comments="wrong", snapshot="20260502_0405")
        (record,) = self.records(a_digest(an_entry(withdrawn=gone), status="draft"))
        assert "From tides/20260501_0405, a draft." in record["notes"]
        assert "This paper has been withdrawn since" in " ".join(record["notes"])

    def test_lines_end_with_cr_lf_and_what_is_unknown_has_no_tag(self) -> None:
        made = digest_ris(of(a_paper(comments=None, venue=None, doi=None)))
        assert made.count("\r\n") == made.count("\n") == made.count("\r")
        assert "DO  - " not in made
        assert "N1  - \r\n" not in made

    @given(texts)
    def test_any_text_stays_in_its_field(self, text: str) -> None:
        (record,) = self.records(of_text(text))
        plain = one_line(to_text(text or "-"))
        assert record.get("title", "") == plain
        assert record["authors"] == [name for name in (one_line(text), "Ada Kelp") if name]
        assert record["notes"][0].startswith(one_line(text))
        assert record["type_of_reference"] == "UNPB"


class TestBibtex:
    @staticmethod
    def entries(digest: Digest) -> list[dict[str, str]]:
        library = parse_string(digest_bibtex(digest))
        assert library.failed_blocks == []
        assert library.comments == library.strings == library.preambles == []
        made = [{field.key: field.value for field in entry.fields} for entry in library.entries]
        for fields, entry in zip(made, library.entries, strict=True):
            assert entry.entry_type == "misc"
            fields["key"] = entry.key
        return made

    def test_an_entry_holds_the_papers_fields(self) -> None:
        (fields,) = self.entries(of(a_paper(doi="10.1000/tide.1")))
        assert fields == {
            "key": "kelp2026-2604.90001",
            "title": "{Tidal} {Adapters} 1: {Fine-Tuning} a {Current} {Model} for {One} {Harbour}",
            "author": "Ada Kelp and Lü Haiyan and Orla O'Brine",
            "year": "2026",
            "month": "apr",
            "eprint": "2604.90001",
            "archivePrefix": "arXiv",
            "primaryClass": "physics.ao-ph",
            "doi": "10.1000/tide.1",
            "url": "https://arxiv.org/abs/2604.90001v1",
            "note": "9 pages, 3 figures. Published in: Journal of Invented Tides 4 (2026)",
            "abstract": a_paper().abstract.replace("&", "\\&"),
            "annote": "Adapts a coastal model to harbour 1 with few gauges. "
            "[Written by a language model: tide-1] "
            "用少量潮位站把近岸模型适配到第 1 个港口。 [由语言模型 tide-1 撰写] "
            "Reviewed by Mei Lan. From tides/20260501\\_0405.",
        }

    def test_the_month_is_bibtexs_own_macro(self) -> None:
        assert "\n  month = apr,\n" in digest_bibtex(a_digest())

    def test_each_line_says_who_wrote_it(self) -> None:
        _, picked, by_hand = self.entries(every_kind())
        assert "not written by a model.]" in picked["annote"]
        assert "language model: " not in picked["annote"]
        assert "By hand. [Edited by Mei Lan]" in by_hand["annote"]

    @pytest.mark.parametrize(
        ("name", "written", "key"),
        [
            ("Ada Kelp", "Ada Kelp", "kelp"),
            ("Lü Hǎiyàn", "Lü Hǎiyàn", "haiyan"),
            ("Marijn van der Brine", "Marijn van der Brine", "brine"),
            ("Orla Brine Jr.", "Orla Brine Jr.", "brine"),
            ("Kelp, Inc.", "{Kelp, Inc.}", "inc"),
            ("Salt and Sons", "{Salt and Sons}", "sons"),
            ("others", "{others}", "others"),
            ("HARBOUR Collaboration", "{HARBOUR Collaboration}", "harbour"),
            ("Team Seaweed", "{Team Seaweed}", "seaweed"),
            ("海燕", "海燕", "arxiv"),
            ("P\\'al Erd\\H{o}s", "P\\'al Erd\\H{o}s", "erdos"),
        ],
    )
    def test_names_are_whole_and_give_the_key(self, name: str, written: str, key: str) -> None:
        (fields,) = self.entries(of(a_paper(authors=(name, "Ada Kelp"))))
        assert fields["author"] == f"{written} and Ada Kelp"
        assert fields["key"].startswith(f"{key}2026-")

    def test_a_paper_without_authors_has_a_key_and_no_author(self) -> None:
        (fields,) = self.entries(of(a_paper(authors=())))
        assert fields["key"] == "arxiv2026-2604.90001"
        assert "author" not in fields

    def test_keys_differ_also_for_papers_by_the_same_person(self) -> None:
        old = a_paper(id="math.GT/0309136")
        keys = [one["key"] for one in self.entries(a_digest(an_entry(1), an_entry(paper=old)))]
        assert keys == ["kelp2026-2604.90001", "kelp2026-math.GT-0309136"]

    def test_a_doi_that_cannot_stand_in_its_field_is_a_note(self) -> None:
        (fields,) = self.entries(of(a_paper(doi="10.1000/a}b", comments=None, venue=None)))
        assert "doi" not in fields
        assert fields["note"] == "DOI: 10.1000/a\\textbraceright{}b"

    @given(texts)
    def test_any_text_gives_one_entry_with_balanced_braces(self, text: str) -> None:
        made = digest_bibtex(of_text(text))
        (fields,) = self.entries(of_text(text))
        assert fields["eprint"] == "2604.90001"
        assert made.isascii() or one_line(made.replace("\n", " ")) == one_line(made)
        assert made.count("{") == made.count("}")


def commands(source: str) -> set[str]:
    return set(re.findall(r"\\([A-Za-z]+)", source))


class TestLatex:
    @pytest.mark.parametrize(
        "kept",
        [
            "Tides of $k_{\\alpha} < 50$ gauges",
            "\\emph{Deep} and \\textbf{wide}",
            "Schr\\\"odinger, Erd\\H{o}s, \\'{e}t\\'e",
            "5\\% \\& more \\#1 a\\_b \\$3",
            "Fig.~3",
            "$O(n^2)$ -- ``quoted''",
            "a {group} of words",
            "潮汐 é",
        ],
    )
    def test_what_is_known_stays(self, kept: str) -> None:
        assert latex(kept) == kept

    @pytest.mark.parametrize(
        ("text", "made"),
        [
            ("100% of A&B #1 a_b", "100\\% of A\\&B \\#1 a\\_b"),
            ("x^2 costs ~5", "x\\textasciicircum{}2 costs \\textasciitilde{}5"),
            ("costs $5 and $6", "costs \\$5 and \\$6"),
            ("one $ alone", "one \\$ alone"),
            ("$\\sim$5 metres", "$\\sim$5 metres"),
            ("\\(a+b\\)", "$a+b$"),
            ("$$a$$", "$a$"),
            ("open { only", "open \\textbraceleft{} only"),
            ("closed } only", "closed \\textbraceright{} only"),
            ("\\{x\\}", "\\textbraceleft{}x\\textbraceright{}"),
            ("$\\{x\\}$", "$\\lbrace x\\rbrace $"),
            ("$a % b$", "$a \\% b$"),
            ("ends in \\", "ends in \\textbackslash{}"),
            ("two\\\\lines", "two lines"),
            ("\\L ukasz, gar\\c con", "\\L{}ukasz, gar\\c{c}on"),
            ('na\\"{\\i}ve', 'na\\"{\\i{}}ve'),
            ("{\\bf Bold} words", "{Bold} words"),
            ("\\url{https://a.example/b_c}", "{https://a.example/b\\_c}"),
            ("\\href{https://a.example}{here}", "here (https://a.example)"),
            ("$\\href{https://a.example}{https://a.example}$", "https://a.example"),
            ("\\textbf without a group", "\\textbackslash{}textbf without a group"),
        ],
    )
    def test_the_rest_is_mended_or_shown(self, text: str, made: str) -> None:
        assert latex(text) == made

    @pytest.mark.parametrize(
        "text",
        [
            "\\input{/etc/passwd}",
            "\\immediate\\write18{touch /tmp/x}",
            "$\\input{/etc/passwd}$",
            "$\\text{\\csname input\\endcsname}$",
            "$^^5cinput{/etc/passwd}$",
            "^^5cinput{/etc/passwd}",
            "\\def\\emph{\\loop\\repeat}",
            "$\\begin{filecontents}{x}\\end{filecontents}$",
        ],
    )
    def test_what_could_do_harm_is_shown_and_not_done(self, text: str) -> None:
        made = latex(text)
        assert commands(made) <= {"textbackslash", "textasciicircum", "emph", "textbraceleft"}
        assert "^^" not in made

    @given(st.text(alphabet="\\{}$%#&_^~ ab'\"cvHLi()[]5.\n") | st.text())
    def test_whatever_comes_in_is_balanced_and_harmless(self, text: str) -> None:
        known = IN_FORMULAS | LETTERS | SYMBOLS | WITH_GROUP | set("cvuHkrbdt")
        known |= {"textbraceleft", "textbraceright"}
        for made in (latex(text), protected(latex(text))):
            assert commands(made) <= known
            assert not re.search(r"\\[{}]|\\$|(?<!\\)[#%&]|\n", made)
            depth = 0
            for sign in made:
                depth += (sign == "{") - (sign == "}")
                assert depth >= 0
            assert depth == 0

    @given(st.text(alphabet="abAB .,:-é潮"))
    def test_words_without_latex_only_gain_braces(self, text: str) -> None:
        assert latex(text) == one_line(text)
        assert protected(latex(text)).replace("{", "").replace("}", "") == one_line(text)

    @pytest.mark.parametrize(
        ("title", "made"),
        [
            ("LoRA: a study of tides", "{LoRA}: a study of tides"),
            ("tides in $\\Delta$-nets", "tides in {$\\Delta$-nets}"),
            ("an \\emph{Open Sea} view", "an {\\emph{Open Sea}} view"),
            ("$a B$ and c", "{$a B$} and c"),
        ],
    )
    def test_words_with_capitals_are_kept_from_styles(self, title: str, made: str) -> None:
        assert protected(latex(title)) == made

    def test_groups_that_are_nested_too_deep_are_shown(self) -> None:
        assert "{{" not in latex("{" * 300 + "x" + "}" * 300)


class TestDocuments:
    def test_json_is_the_record_of_the_published_schema(self, repository: Any) -> None:
        schema = json.loads((repository / "docs/schema/digest.json").read_text("utf-8"))
        made = json.loads(digest_json(every_kind()))
        jsonschema.validate(made, schema)
        assert Digest.from_json(digest_json(every_kind()), where="export") == every_kind()

    @given(st.text() | st.just(HOSTILE))
    def test_json_keeps_any_text_and_nothing_a_terminal_obeys(self, text: str) -> None:
        digest = of_text(text)
        made = digest_json(digest)
        assert Digest.from_json(made, where="export") == digest
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", made)
        assert made.count("\n") == 1

    def test_markdown_has_the_lines_and_leads_to_no_folder(self) -> None:
        made = digest_document(every_kind().but(earlier=("20260430_0405",)))
        assert "Adapts a coastal model to harbour 1 with few gauges." in made
        assert "not written by a model" in made
        assert "20260430" not in made


@pytest.mark.parametrize("write", [digest_csv, digest_ris, digest_bibtex, digest_document])
def test_a_paper_that_editors_left_out_is_not_exported(write: Any) -> None:
    assert a_paper(3).id in write(every_kind())
    assert a_paper(4).id not in write(every_kind())


class TestADigestThatWasTakenBack:
    """On disk it is a draft again."""

    GONE = a_publication(reason="withdrawn", why="The wrong_day", who=("Orla",))
    DRAFT = a_digest(an_entry(), status="draft")
    TOLD = taken_back(DRAFT, [a_publication(), GONE])
    WHY = "Withdrawn on 2026-05-01 08:30 by Orla: The wrong_day"

    def test_is_told_from_one_that_was_not_or_came_back(self) -> None:
        assert self.TOLD is not None
        assert self.TOLD.en == self.WHY
        assert taken_back(self.DRAFT, []) is None
        assert taken_back(a_digest(), [a_publication()]) is None
        assert taken_back(a_digest(), [a_publication(), self.GONE, a_publication()]) is None

    def test_says_so_and_why_in_the_notes(self) -> None:
        note = f"From tides/20260501_0405, a digest that was taken back. {self.WHY}"
        (record,) = rispy.loads(digest_ris(self.DRAFT, self.TOLD))
        assert note in record["notes"]
        assert latex(note) in digest_bibtex(self.DRAFT, self.TOLD)

    def test_says_so_and_why_at_the_head_of_the_document_in_both_languages(self) -> None:
        head, _, _ = digest_document(self.DRAFT, self.TOLD).partition("## 1")
        assert self.WHY.replace("_", "\\_") in head
        assert "2026-05-01 08:30 由 Orla 撤回。" in head
        assert "draft" not in head
        assert "草稿" not in head

    def test_has_its_own_status_in_a_spreadsheet(self) -> None:
        (row,) = csv.DictReader(io.StringIO(digest_csv(self.DRAFT, self.TOLD), newline=""))
        assert row["digest_status"] == "withdrawn"


class TestCommand:
    @pytest.fixture
    def room(self, tmp_path: Any) -> Room:
        return a_desk(tmp_path, papers=2, gaps=[2])

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_published_digest_is_printed_and_nothing_said(self, room: Room, form: str) -> None:
        room.settle()
        room.release()
        done = CliRunner().invoke(cli, ["export", NAME, "--format", form], catch_exceptions=False)
        assert (done.exit_code, done.stderr) == (0, "")
        for number in (1, 2):
            assert room.id(number) in done.stdout

    def test_a_draft_says_so_where_it_is_not_in_the_way(self, room: Room) -> None:
        room.settle(1)
        room.release()
        done = CliRunner().invoke(cli, ["export", "tides/latest", "--format", "json"])
        assert done.exit_code == 0
        assert done.stderr == f"warning: {NAME}: this is a draft, 1 of 2 papers not decided on\n"
        assert json.loads(done.stdout)["status"] == "draft"

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_digest_that_was_taken_back_says_so_and_why(self, room: Room, form: str) -> None:
        room.settle()
        room.release()
        why = "The wrong\x9b day"
        withdraw(room.settings, room.snapshot, why, editor="Orla", now=room.later())
        done = CliRunner().invoke(cli, ["export", NAME, "--format", form], catch_exceptions=False)
        assert done.exit_code == 0
        assert done.stderr == (
            f"warning: {NAME}: this digest was taken back. "
            "Withdrawn on 2026-05-01 08:10 by Orla: The wrong day\n"
        )
        assert room.id(1) in done.stdout
        if form in ("md", "bibtex", "ris"):
            assert "The wrong day" in done.stdout

    def test_a_snapshot_without_a_digest_is_refused_with_what_makes_one(self, room: Room) -> None:
        (room.snapshot.folder / "5-digest.json").unlink()
        done = CliRunner().invoke(export, [NAME, "--format", "md"])
        assert isinstance(done.exception, UsageError)
        assert str(done.exception) == (
            f"{NAME}: there is no digest yet. Make it with paperline assemble {NAME}"
        )
        assert done.stdout == ""

    @pytest.mark.parametrize("asked", [["--format", "xlsx"], []])
    def test_a_form_that_there_is_not_is_refused_with_those_there_are(
        self, room: Room, asked: list[str]
    ) -> None:
        done = CliRunner().invoke(export, [NAME, *asked])
        assert done.exit_code == 2
        assert "bibtex" in done.stderr


def test_the_bytes_are_utf_8_whatever_the_terminals_encoding(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = a_desk(tmp_path, papers=1)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:strict")
    terminal = Terminal(tmp_path, "")
    for form in FORMATS:
        assert terminal("export", NAME, "--format", form) == 0, terminal.errors
    line = room.digest().papers[0].lines["zh"].text
    assert line in terminal.said
