"""arXiv's bulk metadata file as a source: invented records, and the test bed's papers as a file."""

import gzip
import json
import logging
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DamagedFile, OutputError, QueryRefused, UsageError
from pipeline.records import Paper
from pipeline.sources import dump, dump_entry, dump_lines
from pipeline.sources.document import Document
from pipeline.sources.dump import MOST_NAMED, Dump
from pipeline.sources.dump_entry import DumpEntry
from pipeline.sources.query import parse
from tests.testbed_servers import serving

NOON = datetime(2026, 4, 2, 12, tzinfo=UTC)


def mail_date(moment: datetime) -> str:
    """The form of `created`."""
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def versions(*moments: datetime) -> list[dict[str, str]]:
    return [{"version": f"v{n}", "created": mail_date(m)} for n, m in enumerate(moments, 1)]


def record(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A record of the file; in keywords, underscores stand for the hyphens of its keys."""
    made: dict[str, Any] = {
        "id": f"2604.{number:05}",
        "submitter": "Ada Lumen",
        "authors": "Ada Lumen and Moritz Motte",
        "title": f"Lantern {number}",
        "comments": None,
        "journal-ref": None,
        "doi": None,
        "report-no": None,
        "categories": "cs.LG physics.optics",
        "license": None,
        "abstract": "  We teach lanterns to dim.\n",
        "versions": versions(NOON),
        "update_date": "2026-04-03",
        "authors_parsed": [["Lumen", "Ada", ""], ["Motte", "Moritz", ""]],
    }
    keys = {"journal_ref": "journal-ref", "report_no": "report-no"}
    return {**made, **{keys.get(name, name): value for name, value in changes.items()}}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in record().items() if name != key}


def as_bytes(*records: Any) -> bytes:
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in records)


@pytest.fixture
def holding(tmp_path):
    """A dump of these records; bytes stand for lines as they are."""

    def make(*records: Any, name: str = "dump.json") -> Dump:
        path = tmp_path / name
        path.write_bytes(as_bytes(*records))
        return Dump(path)

    return make


def ids(papers: Iterator[Paper]) -> list[str]:
    return [paper.id for paper in papers]


def numbers(papers: Iterator[Paper]) -> list[int]:
    return [int(paper.id[-5:]) for paper in papers]


def moments(*hours: int) -> list[dict[str, str]]:
    return versions(*(NOON + timedelta(hours=each) for each in hours))


class TestPapers:
    def test_come_newest_first_by_the_date_that_is_asked_for(self, holding) -> None:
        source = holding(
            record(1, versions=moments(0, 9)),
            record(2, versions=moments(2)),
            record(3, versions=moments(1, 3, 5)),
        )
        assert numbers(source.papers("lantern")) == [1, 3, 2]
        assert numbers(source.papers("lantern", order="submitted")) == [2, 3, 1]

    def test_of_the_same_time_keep_the_files_order(self, holding) -> None:
        source = holding(*(record(number) for number in (3, 1, 2)))
        assert numbers(source.papers("lantern")) == [3, 1, 2]

    @pytest.mark.parametrize(("order", "found"), [("updated", [1, 2]), ("submitted", [2])])
    def test_go_back_to_since_and_no_further(self, holding, order, found) -> None:
        source = holding(
            record(1, versions=moments(0, 9)),
            record(2, versions=moments(2)),
            record(3, versions=moments(1)),
        )
        since = NOON + timedelta(hours=2)
        assert numbers(source.papers("lantern", since=since, order=order)) == found

    def test_are_those_that_the_query_selects(self, holding) -> None:
        source = holding(
            record(1, title="On Dimming Lamps"),
            record(2, comments="dims"),
            record(3, journal_ref="Dim. Lett. 3"),
            record(4, report_no="DIM-26-1"),
            record(5, abstract="Bright.", authors_parsed=[["Dim", "Olga", ""]]),
            record(6, abstract="Bright."),
        )
        queries = ("ti:dim", "co:dim", "jr:dim", "rn:dim", "au:olga")
        assert [numbers(source.papers(query)) for query in queries] == [[1], [2], [3], [4], [5]]

    def test_say_everything_that_the_file_says(self, holding) -> None:
        [paper] = holding(
            record(
                title="Lanterns\n  That  $x^2$",
                comments="5 pages,\n 2 lamps",
                journal_ref="Lamp Lett. 3",
                doi="10.1/lamp",
                abstract="  Of $\\alpha$ and\n  é.\n",
                versions=moments(0, 1, 30),
                authors_parsed=[
                    ["van der Berg", "Jan", "Jr.", "Lampworks"],
                    ["Collective", "", ""],
                ],
            )
        ).papers("lantern")
        assert paper == Paper(
            id="2604.00001",
            version=3,
            title="Lanterns That $x^2$",
            authors=("Jan van der Berg Jr.", "Collective"),
            abstract="Of $\\alpha$ and é.",
            first=NOON,
            latest=NOON + timedelta(hours=30),
            comments="5 pages, 2 lamps",
            venue="Lamp Lett. 3",
            doi="10.1/lamp",
            primary_category="cs.LG",
            categories=("cs.LG", "physics.optics"),
            url="https://arxiv.org/abs/2604.00001v3",
            pdf_url="https://arxiv.org/pdf/2604.00001v3",
        )
        assert Paper.from_json(paper.to_json(), where="") == paper

    @pytest.mark.parametrize("identifier", ["math/0309136", "math.GT/0309136", "acc-phys/9411001"])
    def test_may_have_identifiers_from_before_2007(self, holding, identifier) -> None:
        [paper] = holding(record(id=identifier)).papers(f"id:{identifier}v1")
        assert (paper.id, paper.url) == (identifier, f"https://arxiv.org/abs/{identifier}v1")

    @pytest.mark.parametrize(
        "created",
        [
            "Thu, 2 Apr 2026 12:00:00 GMT",
            "2 Apr 2026 12:00:00 UTC",
            "Thu, 02 Apr 2026 14:30:00 +0230",
            "Thu, 02 Apr 2026 02:00:00 -1000",
        ],
    )
    def test_have_their_times_in_utc(self, holding, created) -> None:
        [paper] = holding(record(versions=[{"version": "v1", "created": created}])).papers(
            "lantern"
        )
        assert paper.first == paper.latest == NOON
        assert paper.first.utcoffset() == timedelta(0)

    def test_with_optional_fields_absent_or_null_are_papers(self, holding) -> None:
        few = {name: record()[name] for name in ("id", "title", "categories", "versions")}
        null = record(2, abstract=None, authors_parsed=None)
        source = holding(few, null)
        assert numbers(source.papers("lantern")) == [1, 2]
        assert source.rejected == []

    def test_keep_hostile_text_as_text_without_control_characters(self, holding) -> None:
        text = '<script>x</script> & \u202eesrever\u2069 \x85"q"\u009b31m\0'
        plain = '<script>x</script> & esrever "q"31m'
        [paper] = holding(
            record(title=text, abstract=text, comments=text, authors_parsed=[["  ", "\0"], [text]])
        ).papers('"31m"')
        assert (paper.title, paper.abstract, paper.comments) == (plain, plain, plain)
        assert paper.authors == (plain,)

    def test_of_two_lines_with_one_id_are_the_later_ones(self, holding) -> None:
        source = holding(
            record(1, title="Lantern"),
            record(2, title="Moth"),
            record(1, title="Moth", versions=moments(0, 5)),
            record(2, title="Lantern"),
        )
        assert [(p.id[-1], p.title) for p in source.papers("ti:lantern")] == [("2", "Lantern")]
        assert [(p.id[-1], p.version) for p in source.papers("ti:moth")] == [("1", 2)]

    def test_come_also_where_they_are_too_many_for_memory(self, holding, monkeypatch) -> None:
        monkeypatch.setattr(dump, "IN_MEMORY", 1)
        source = holding(*(record(number, versions=moments(number)) for number in range(1, 40)))
        assert numbers(source.papers("lantern")) == [*range(39, 0, -1)]

    def test_are_not_looked_for_where_the_query_is_none(self, tmp_path) -> None:
        with pytest.raises(QueryRefused, match="at character 4"):
            Dump(tmp_path / "absent").papers("ti:")


class TestById:
    def test_are_those_asked_for_in_the_order_of_asking_each_once(self, holding) -> None:
        source = holding(*(record(number, versions=moments(0, 1)) for number in range(1, 6)))
        asked = [
            "2604.00004",
            "2604.00009",
            "2604.00002v2",
            "2604.00003v1",
            "2604.00004v2",
            "",
            "v2",
        ]
        assert ids(source.by_id([*asked, "2604.00001v02"])) == ["2604.00004", "2604.00002"]

    def test_are_the_later_of_two_lines(self, holding) -> None:
        source = holding(record(1), record(1, versions=moments(0, 5)))
        assert [paper.version for paper in source.by_id(["2604.00001"])] == [2]
        assert source.by_id(["2604.00001v1"]) == []

    def test_are_found_beside_lines_that_are_no_papers(self, holding) -> None:
        source = holding(b"lamps\n", record(1))
        assert ids(source.by_id(["2604.00001"])) == ["2604.00001"]
        assert len(source.rejected) == 1


NO_DATE = "it has no readable date"
DAMAGE = [
    (b"lamps, mostly\n", "JSON is malformed"),
    (b'{"id": "2604.00001", "title": "Lant', "truncated"),
    (b"[]\n", "Expected `object`, got `array`"),
    (b"null\n", "Expected `object`, got `null`"),
    (b'{"id": "\xff"}\n', "utf-8"),
    (b'{"id": "\\ud800"}\n', "Input data was truncated"),
    (b'{"extra": ' + b"[" * 200_000 + b"\n", "recursion"),
    (without("id"), "`id`"),
    (without("versions"), "`versions`"),
    (record(id=2604.00001), "Expected `str`"),
    (record(id="../../etc/passwd"), "id is not of arXiv's form"),
    (record(id="2604.00001v1"), "id is not of arXiv's form"),
    (record(id="2604.00001\n"), "id is not of arXiv's form"),
    (record(id="٢٦٠٤.٠٠٠٠١"), "id is not of arXiv's form"),
    (record(title=" \n "), "no title"),
    (record(title="\x00\u202e"), "no title"),
    (record(title=["Lantern"]), "Expected `str`"),
    (record(categories=" "), "no category"),
    (record(categories="\u202e"), "no category"),
    (record(categories=["cs.LG"]), "Expected `str`"),
    (record(authors_parsed=[["Lumen", 1]]), "Expected `str`"),
    (record(versions=[]), "no version"),
    (record(versions={"v1": mail_date(NOON)}), "Expected `array`"),
    (record(versions=[{"version": "v0", "created": mail_date(NOON)}]), "no number"),
    (record(versions=[{"version": "v" + "9" * 5000, "created": mail_date(NOON)}]), "no number"),
    (record(versions=[{"version": "1", "created": mail_date(NOON)}]), "no number"),
    *(
        (record(versions=[{"version": "v1", "created": created}]), NO_DATE)
        for created in (
            "",
            "yesterday",
            "2026-04-02",
            "Thu, 31 Feb 2026 12:00:00 GMT",
            "Thu, 2 Foo 2026 12:00:00 GMT",
            "Thu, 2 Apr 1970 12:00:00 GMT",
            "Thu, 2 Apr 9999 12:00:00 GMT",
            "Thu, 2 Apr 2026 25:00:00 GMT",
            "Thu, 2 Apr 2026 12:00:00 EST",
        )
    ),
    (record(versions=[*versions(NOON), {"version": "v2", "created": "soon"}]), NO_DATE),
]


class TestLinesThatAreNoPapers:
    @pytest.mark.parametrize(("damaged", "reason"), DAMAGE)
    @pytest.mark.parametrize("query", ["lantern", "nothing"])
    def test_are_named_whatever_the_query_and_cost_no_other(
        self, holding, caplog, damaged, reason, query
    ) -> None:
        caplog.set_level(logging.INFO)
        lines = [record(1), damaged] if damaged == DAMAGE[1][0] else [record(1), damaged, record(3)]
        source = holding(*lines)
        assert len(list(source.papers(query))) == (len(lines) - 1) * (query == "lantern")
        [rejected] = source.rejected
        assert rejected.startswith("dump.json:2: ")
        assert reason in rejected
        assert len(rejected) < 300
        assert rejected in caplog.text
        assert source.missed == []

    def test_are_counted_where_they_are_many(self, holding, caplog) -> None:
        caplog.set_level(logging.INFO)
        source = holding(*[b"lamp\n"] * (MOST_NAMED + 7), record(1))
        assert numbers(source.papers("lantern")) == [1]
        assert len(source.rejected) == MOST_NAMED + 1
        assert source.rejected[-2].startswith(f"dump.json:{MOST_NAMED}: ")
        assert source.rejected[-1] == "dump.json: 7 further lines are no papers"
        assert len([m for m in caplog.messages if m.startswith("left out")]) == MOST_NAMED + 1

    def test_are_those_of_the_last_reading(self, holding) -> None:
        source = holding(b"lamp\n", record(1))
        list(source.papers("lantern"))
        before = source.rejected
        source.by_id(["2604.00001"])
        assert source.rejected == before
        assert len(before) == 1

    def test_may_be_longer_than_memory_allows(self, holding, monkeypatch) -> None:
        for module in (dump_entry, dump_lines):
            monkeypatch.setattr(module, "LONGEST_LINE", 2_000)
        source = holding(
            record(1),
            record(2, abstract="lantern " * 1_000),
            record(3),
            b"x" * 2_000 + b"\n",
            b"y" * 9_000,
        )
        assert numbers(source.papers("lantern")) == [1, 3]
        assert [each.split(" ")[0] for each in source.rejected] == [
            "dump.json:2:",
            "dump.json:4:",
            "dump.json:5:",
        ]
        assert all("has 2000 bytes or more" in each for each in source.rejected)

    def test_are_not_the_empty_ones(self, holding) -> None:
        source = holding(b"\n", record(1), b"  \r\n", as_bytes(record(2)).rstrip())
        assert numbers(source.papers("lantern")) == [1, 2]
        assert source.rejected == []

    @given(st.lists(st.binary() | st.binary().map(lambda b: as_bytes(record()) + b), max_size=5))
    def test_may_hold_anything(self, tmp_path_factory, lines) -> None:
        path = tmp_path_factory.mktemp("dump") / "dump.json"
        path.write_bytes(as_bytes(record()) + b"\n".join(lines))
        assert list(Dump(path).papers("lantern"))

    @given(
        st.sampled_from(list(record())),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=5,
        ),
    )
    def test_may_have_any_value_anywhere(self, tmp_path_factory, key, value) -> None:
        path = tmp_path_factory.mktemp("dump") / "dump.json"
        path.write_bytes(as_bytes({**record(), key: value}))
        source = Dump(path)
        for paper in source.papers("cat:cs.* lantern dim"):
            assert Paper.from_json(paper.to_json(), where="") == paper


hostile = st.text(
    st.sampled_from('aeflnrty ÉǄﬁßΣς½´-_/\\"\n\t\b\x7f\x00\x85\u00ad\u0301\u202e*?[:2.v1')
    | st.characters(exclude_categories=["Cs"]),
    max_size=12,
)


@st.composite
def hostile_records(draw: st.DrawFn) -> dict[str, Any]:
    """Records whose texts hold any characters; family names are of one word, as in a feed."""
    names = st.lists(st.text(st.sampled_from("aeÉ\x7f\u0301\u200b")), min_size=2, max_size=2)
    return record(
        id=draw(st.sampled_from(["2604.00001", "math/0309136"])),
        title="Q" + draw(hostile),
        abstract=draw(hostile),
        comments=draw(st.none() | hostile),
        journal_ref=draw(st.none() | hostile),
        categories="cs.LG " + draw(hostile),
        authors_parsed=draw(st.lists(names, max_size=2)),
    )


def queries_about(said: dict[str, Any]) -> st.SearchStrategy[str]:
    """Terms that are cut from the record itself, so that many of them match."""
    texts = [said[key] or "" for key in ("title", "abstract", "comments", "journal-ref")]
    texts += [
        said["categories"],
        said["id"] + "v1",
        *(n for a in said["authors_parsed"] for n in a),
    ]
    cut = st.builds(
        lambda text, start, length: text[start : start + length],
        st.sampled_from(texts),
        st.integers(0, 12),
        st.integers(1, 12),
    )
    phrase = cut.map(lambda text: '"' + text.replace('"', " ") + '"')
    word = cut.map(lambda text: "".join(c for c in text if not c.isspace() and c not in '()"[]'))
    fields = st.sampled_from(("ti", "abs", "co", "jr", "au", "cat", "id", "all"))
    return st.builds("{}:{}".format, fields, phrase | word.filter(bool) | word.map("x{}*".format))


class TestCheapTest:
    @given(hostile_records().flatmap(lambda r: st.tuples(st.just(r), queries_about(r))))
    def test_excludes_no_match_and_raw_text_matches_as_the_paper_does(self, drawn) -> None:
        said, query = drawn
        entry = DumpEntry(json.dumps(said).encode())
        tree = parse(query)
        found = tree.matches(entry.document())
        assert tree.may_match(entry._text()) or not found
        assert entry.matches(tree) == found
        assert tree.matches(Document.of(entry.paper())) == found


class TestFiles:
    @pytest.mark.parametrize("name", ["dump.json.gz", "dump.json"])
    def test_may_be_packed_whatever_their_name(self, tmp_path, name) -> None:
        path = tmp_path / name
        path.write_bytes(gzip.compress(as_bytes(record(1), b"lamp\n", record(3))))
        source = Dump(path)
        assert numbers(source.papers("lantern")) == [1, 3]
        assert source.rejected[0].startswith(f"{name}:2: ")

    @pytest.mark.parametrize(
        "damage", [lambda data: data[:-20], lambda data: data[:-4] + b"lamp", lambda data: data[:7]]
    )
    def test_that_are_packed_and_not_whole_are_told(self, tmp_path, damage) -> None:
        path = tmp_path / "dump.json.gz"
        path.write_bytes(damage(gzip.compress(as_bytes(*(record(n) for n in range(1, 99))))))
        with pytest.raises(DamagedFile, match="not a whole gzip file") as caught:
            list(Dump(path).papers("lantern"))
        assert caught.value.where == str(path)
        assert caught.value.next_step

    def test_that_unpack_to_garbage_are_told(self, tmp_path) -> None:
        path = tmp_path / "dump.json.gz"
        data = gzip.compress(as_bytes(*(record(n) for n in range(1, 99))))
        path.write_bytes(data[:10] + bytes(reversed(data[10:])))
        with pytest.raises(DamagedFile, match="not a whole gzip file"):
            Dump(path).by_id(["2604.00001"])

    def test_that_are_archives_are_refused(self, holding) -> None:
        with pytest.raises(UsageError, match=r"dump\.json: is a zip archive.*Unpack it first"):
            list(holding(b"PK\3\4\n", record(1)).papers("lantern"))

    def test_may_begin_with_a_byte_order_mark(self, holding) -> None:
        source = holding(b"\xef\xbb\xbf" + as_bytes(record(1)), record(2))
        assert numbers(source.papers("lantern")) == [1, 2]
        assert source.rejected == []

    def test_that_are_absent_or_folders_are_told(self, tmp_path) -> None:
        with pytest.raises(OutputError, match="No such file") as caught:
            list(Dump(tmp_path / "absent").papers("lantern"))
        assert caught.value.where == str(tmp_path / "absent")
        with pytest.raises(OutputError, match="directory"):
            Dump(tmp_path).by_id(["2604.00001"])

    def test_that_are_empty_hold_no_papers(self, holding) -> None:
        source = holding()
        assert list(source.papers("lantern")) == []
        assert source.by_id(["2604.00001"]) == []
        assert source.rejected == []


QUERIES = [
    'all:"transfer learning" OR all:"meta learning" OR all:"instruction tuning"',
    'ti:"large language models"',
    "ti:transformer ANDNOT ti:vision",
    "ti:fine-tuning",
    "ti:(diffusion policy) AND cat:cs.RO",
    "abs:reinforcement AND abs:reward AND cat:cs.LG",
    'abs:"chain of thought" abs:"in context learning"',
    'abs:"state-of-the-art" AND ti:segmentation',
    "au:wang_y AND ti:graph",
    'au:"Zhang Wei" OR au:"Wei Zhang"',
    "au:müller",
    "au:garcia",
    "au:schmidhuber OR au:lecun OR au:bengio",
    'co:"accepted by CVPR"',
    "co:(workshop AND cvpr)",
    "co:pages ANDNOT co:figures ANDNOT co:tables",
    "jr:journal OR jr:ieee OR jr:proceedings",
    "rn:report",
    "cat:stat.*",
    "cat:physics.* OR cat:q-bio.??",
    "cat:eess.IV ANDNOT (cat:cs.CV AND cat:cs.LG)",
    "id:2604.27846 OR id:2604.28130v1",
    "id:2604.2784*",
    "quantum AND (circuit OR annealing) ANDNOT all:chemistry",
    "protein OR molecule AND ti:learning",
    "molecular protein folding",
    "submittedDate:[202604130000 TO 202604131159] AND cat:cs.CL",
    "lastUpdatedDate:[20260428 TO *] AND ti:agent",
    "submittedDate:[* TO 20260402] AND lastUpdatedDate:[20260410 TO 202604] AND abs:data",
    "ti:naive OR abs:naïve",
    "ti:transform* AND abs:benchmark*",
    'ti:(benchmark OR dataset) AND abs:"we introduce" ANDNOT cat:cs.CV',
    "all:cs.DB ANDNOT cat:cs.LG",
    '"studies" AND "studying" AND ti:study',
]
"""All fields, phrases, hyphens, accents, groups, every operator, ranges, wildcards, authors."""

NOT_RECORDED = ["jr:journal OR jr:ieee OR jr:proceedings", "rn:report"]
"""No paper of the test bed has what these look for."""

ATOM = {"a": "http://www.w3.org/2005/Atom", "arxiv": "http://arxiv.org/schemas/atom"}


def served(url: str, query: str) -> Iterator[ET.Element]:
    """The entries of all pages that the API gives for the query."""
    start, total = 0, 1
    while start < total:
        asked = urlencode({"search_query": query, "start": start, "max_results": 2000})
        with urllib.request.urlopen(f"{url}/api/query?{asked}") as answer:
            feed = ET.fromstring(answer.read())
        total = int(feed.findtext("{http://a9.com/-/spec/opensearch/1.1/}totalResults") or "")
        yield from feed.iterfind("a:entry", ATOM)
        start += 2000


def said(entry: ET.Element, path: str) -> str:
    return entry.findtext(path, "", ATOM)


def versioned(entry: ET.Element) -> str:
    return said(entry, "a:id").rpartition("/abs/")[2]


def as_record(entry: ET.Element) -> dict[str, Any]:
    """The line that the file would have for an entry of the feed."""
    identifier, _, version = versioned(entry).rpartition("v")
    first, latest = (
        datetime.fromisoformat(said(entry, f"a:{n}")) for n in ("published", "updated")
    )
    dates = {"v1": first, f"v{version}": latest}
    names = (name.text or "" for name in entry.iterfind("a:author/a:name", ATOM))
    return {
        "id": identifier,
        "title": said(entry, "a:title"),
        "abstract": said(entry, "a:summary"),
        "comments": said(entry, "arxiv:comment") or None,
        "journal-ref": said(entry, "arxiv:journal_ref") or None,
        "categories": " ".join(c.attrib["term"] for c in entry.iterfind("a:category", ATOM)),
        "versions": [{"version": v, "created": mail_date(date)} for v, date in dates.items()],
        "authors_parsed": [[*name.rpartition(" ")[::-2], ""] for name in names],
    }


def test_a_dump_of_the_test_beds_papers_gives_what_its_api_gives(testbed, tmp_path) -> None:
    with serving(testbed / "arxiv_server.py") as url:
        everything = list(served(url, "submittedDate:[* TO *]"))
        expected = {query: {versioned(e) for e in served(url, query)} for query in QUERIES}
    path = tmp_path / "dump.json"
    path.write_bytes(as_bytes(*map(as_record, everything)))
    source = Dump(path)
    found = {query: [f"{p.id}v{p.version}" for p in source.papers(query)] for query in QUERIES}
    assert source.rejected == []
    assert [query for query in QUERIES if not expected[query]] == NOT_RECORDED
    assert {query: sorted(each) for query, each in found.items()} == {
        query: sorted(each) for query, each in expected.items()
    }
