"""A line that tells its reader what to do, or passes judgement on the paper as a reviewer does."""

import itertools
import re
from collections.abc import Iterator

from pipeline.checks import commands
from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Language, Lines, Paper
from pipeline.wording import in_quotes, words_of

ENGLISH_ORDERS = (
    rf"{commands.CLAUSE}(?P<order>(?:ignore|disregard|forget|override)\s(?:\w+\s){{0,4}}"
    r"(?:instructions?|prompts?|rules|guidelines|above|text|messages?|everything)\b"
    r"|(?:rate|accept|recommend|approve|score|review|cite|endorse)\s(?:this|the)\s"
    r"(?:paper|work|article|submission|manuscript)\b"
    r"|give\s(?:this|the)\s(?:paper|work|submission)\s(?:a|an|the|full|top)\b"
    r"|(?:respond|reply|answer)\s(?:only\s)?with\b|output\s(?:only|exactly)\b"
    r"|(?:click|visit|subscribe|follow|download|contact)\s(?:here|us|our|me|the link|now)\b"
    r"|(?:do not|don't|never)\s(?:mention|reveal|criticize|reject|follow|summarize)\b)",
    r"(?:^|[.!?。]\s?)(?P<you>you\s(?:must|have to|are required to|are now"
    r"|should (?:rate|accept|give|ignore))\b)",
    r"(?P<verdict>\b(?:deserves|recommended for|merits)\s(?:a\s)?(?:strong\s)?accept(?:ance)?\b)",
    r"(?P<obedience>\bas\s(?:i was |you )?(?:instructed|requested|ordered|told|asked)[,.]"
    r"|\b(?:per|following)\s(?:the|your)\s(?:instructions?|request),)",
)
ORDER = re.compile("|".join(ENGLISH_ORDERS), re.IGNORECASE)
"""Words that tell the reader, or a model that reads on, what to do."""
ORDER_WORDS = frozenset(
    {
        *("ignore", "disregard", "forget", "override", "rate", "accept", "recommend"),
        *("recommended", "approve", "score", "review", "cite", "endorse", "give", "respond"),
        *("reply", "answer", "output", "click", "visit", "subscribe", "follow", "download"),
        *("contact", "do", "don't", "never", "you", "deserves", "merits", "instructed"),
        *("requested", "ordered", "told", "asked", "instruction", "instructions", "request"),
    }
)
"""No order is in an English line without one of these; looking for them is faster."""

# One class first, and what goes before each afterwards, so that places to look at are found fast.
_BEGINS = r"(?<![^。！？：；，,;:\s].)"
CHINESE_ORDER = re.compile(
    r"[请务忽无已按根遵依你建推给](?:(?:(?<=请)|(?<=务)必)"
    r"(?:务必|忽略|无视|点击|访问|关注|给出|给予|接受|接收|录用|评为"
    r"|联系|引用|扫码|转发|不要|勿|输出|回复|打分|推荐)|(?<=务)必(?:给|将|把)"
    rf"|{_BEGINS}(?:(?<=忽)略|(?<=无)视)(?:掉|所有|全部|之前|先前|以上|上述|前面|此前)+的?"
    r"(?:所有|全部)?(?:指令|指示|说明|提示|内容|要求)"
    r"|(?<=已)(?:忽略|无视|遵照|按照)[^，。]{0,6}(?:指令|指示)"
    rf"|{_BEGINS}(?<=[按根遵依])[照据循]?"
    r"(?:(?:您|你|上述|以上|指定)的?(?:要求|请求)|[^，。]{0,4}(?:指示|指令))[，,]"
    rf"|{_BEGINS}(?<=你)(?:必须|应该|应当|现在是|需要)"
    r"|(?:(?<=建)议|(?<=推)荐)(?:录用|接收)(?:本文|该文|此文)"
    r"|(?<=给)(?:本文|这篇论文|该论文)(?:打|评)?(?:高|满)分)"
)

_PAPER = r"(?:paper|work|article|submission|manuscript|study)"
_ENDS = r"(?=[.,;!]|$| (?:paper|work|article|study|contribution|and|in|on|of|piece|achievement)\b)"
ENGLISH_VERDICTS = (
    rf"\b{_PAPER} (?:\w+ )?(?:should|must|deserves to|ought to|has to|needs to) be"
    r" (?:\w+ )?(?:accepted|published)\b",
    r"\b(?:strong|clear|definite) accept\b",
    r"\brecommend(?:ed|ing|ation)?(?: for| of)? (?:acceptance|accepting|publication)\b",
    r"\breviewers? (?:should|must|are (?:asked|urged|required) to) (?:\w+ )?"
    r"(?:give|accept|rate|assign|recommend|score)\b",
    r"\b(?:should|must|deserves?|please) (?:give|get|receive|assign|award)?(?: ?\w+){0,3} "
    r"(?:positive|favou?rable|perfect|highest) (?:reviews?|ratings?|scores?|marks?)\b",
    rf"\b(?:this|the) {_PAPER} (?:is|represents|constitutes)(?: (?:an?|the|truly|very|of"
    rf"|really|absolutely|simply|most|one))* (?:{commands.ENGLISH_PRAISE}){_ENDS}",
    rf"\b(?:this|an?|the) (?:truly |very )?(?:{commands.ENGLISH_PRAISE}) "
    r"(?:paper|article|manuscript)\b",
)
VERDICT = re.compile("|".join(ENGLISH_VERDICTS), re.IGNORECASE)
VERDICT_WORDS = frozenset(
    {
        *("accepted", "published", "accept", "acceptance", "accepting", "publication", "reviewer"),
        *("reviewers", "positive", "favorable", "favourable", "perfect", "highest"),
    }
)
PAPER_WORDS = frozenset({"paper", "work", "article", "submission", "manuscript", "study"})
PRAISE_WORDS = frozenset(
    {"groundbreaking", *re.findall("[a-z]+", commands.ENGLISH_PRAISE.replace("-?", "-"))}
)
"""No verdict is in an English line without one of the first, or of both others; as above."""
CHINESE_VERDICT = re.compile(
    r"[建推值应必同本该此这审评所](?:"
    r"(?:(?<=建)议|(?<=推)荐|(?<=值)得|(?<=应)[当该予]?|(?<=必)须|(?<=同)意)(?:予以|被|直接|立即|无条件)*"
    r"(?:接收|录用|接受|发表)(?=[，。！；,.!;]|$|本文|该文|此文|[本该此]论文|这篇)"
    r"|(?<=[本该此这])(?:文|[篇项]?(?:论文|工作|研究|文章|成果))"
    r"(?:的?(?:质量|水平|贡献|工作|研究|论文))?(?:是|堪称|为)?(?:一篇|一项|一部)?"
    rf"(?:非常|极其|十分|极为|极|相当|真正|的确|最|很|都)*(?:{commands.CHINESE_PRAISE})"
    r"(?=的?(?:论文|工作|研究|文章|成果|贡献|杰作)?(?:之一)?(?:[，。！；,.!;]|$))"
    r"|(?:(?<=审)稿人|(?<=评)审[人者]?|(?<=所)有(?:审稿人|评审))[都均]?(?:应当?|应该|必须|务必|需)[都均]?"
    r"(?:给|接收|录用|打))"
)

MOST_PLACES = 20
"""Places in a line that are looked at; a line has two at most."""

JUDGING = re.compile(
    r"\bpeer[- ]review|\breviewers?\b|\baccept(?:s|ed|ing|ance)?\b|\bhir(?:e|ing)\b|\badmission"
    r"|\bpublication"
)
"""What a paper has that is about such judgements itself."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`injection`, once for a line.

    A paper that studies such attacks may be quoted: an order in quotation marks, or in the
    third person, is content. So is a verdict of which the paper speaks itself.
    """
    del rules
    for language, line in lines.items():
        words, chinese = words_of(line), not line.isascii()
        ordered = not ORDER_WORDS.isdisjoint(words)
        found: list[Found] = []
        if ordered or (chinese and CHINESE_ORDER.search(line)):
            found = _orders(language, line, paper)
        judged = not VERDICT_WORDS.isdisjoint(words) or not (
            PAPER_WORDS.isdisjoint(words) or PRAISE_WORDS.isdisjoint(words)
        )
        if not found and (judged or (chinese and CHINESE_VERDICT.search(line))):
            found = _verdicts(language, line, paper)
        yield from found


def _orders(language: Language, line: str, paper: Paper) -> list[Found]:
    places = _places(line, ORDER, CHINESE_ORDER)
    studied = bool(places) and commands.studies(paper)
    for found in places:
        span = found.span(found.lastgroup or 0)
        if in_quotes(line, *span) or (studied and line[: span[0]].strip()):
            continue
        said = line[slice(*span)]
        if _is_quoted_in(paper.abstract, said):
            continue
        message = f'the line tells its reader what to do: "{said}"'
        return [Found("injection", message, language, span, _place(paper.abstract, said))]
    return []


def _verdicts(language: Language, line: str, paper: Paper) -> list[Found]:
    places = _places(line, VERDICT, CHINESE_VERDICT)
    if not places or commands.studies(paper):
        return []
    own = commands.own_words(paper)
    for found in places:
        if in_quotes(line, *found.span()):
            continue
        if found[0].lower() in own or (not commands.praise(found[0], own) and JUDGING.search(own)):
            continue
        message = f'the line judges the paper as the paper does not: "{found[0]}"'
        return [Found("injection", message, language, found.span())]
    return []


def _places(line: str, *patterns: re.Pattern[str]) -> list[re.Match[str]]:
    found = itertools.chain.from_iterable(pattern.finditer(line) for pattern in patterns)
    return list(itertools.islice(found, MOST_PLACES))


def _is_quoted_in(abstract: str, said: str) -> bool:
    place = _place(abstract[: commands.LONGEST], said)
    return place is not None and in_quotes(abstract[: commands.LONGEST], *place)


def _place(text: str, said: str) -> Span | None:
    start = text.lower().find(said.lower())
    return None if start < 0 else (start, start + len(said))
