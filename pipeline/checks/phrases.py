"""Words that are no summary: failures of the model, and text of the prompt."""

import functools
import re
from collections.abc import Iterator

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Lines, Paper
from pipeline.wording import ECHO, FAILURES, HAN, LABEL, has_one

WHOLE = re.compile(
    r"\W*(?:error|failed|failure|fail|unknown|summary|timeout|timed out|ok|yes|no|-|n/?a|null|none"
    r"|nan|undefined|todo|tbd|失败|错误|无|未知|超时|略|空|无摘要|没有摘要|(?:摘要|总结|翻译|请求)失败)?\W*",
    re.IGNORECASE,
)
"""A line that is nothing else, or has no word at all."""

LONGEST_WHOLE = 40

FAILURE_WORDS = frozenset(
    {
        *("failed", "unable", "sorry", "apologize", "apologise", "apologies", "i", "i'm", "http"),
        *("status", "server", "gateway", "unavailable", "timed", "timeout", "requests", "exceeded"),
        *("reached", "quota", "api", "traceback", "connection", "summary", "please"),
    }
)
CHINESE_FAILURES = re.compile(
    r"抱歉|对不起|失败(?=[\s:：，,。！!]|$)|超时|不可用|暂无|请提供|我|(?:网络|服务器|内部|系统|未知)错误"
    "|无法(?:生成|提供|给出|总结|完成|访问|处理)"
)
"""No phrase of INSIDE is in a line without one of these; looking for them is faster."""

TASK = (
    r"(?:summar\w*|provid\w*|generat\w*|help|assist|fulfil\w*|comply|complete|answer|translat\w*)"
)
BEGINS = r"(?:^|[:.!。！：]\s?)"
"""Where a sentence may begin; further in, the same words may be what a paper says of models."""
FINISHED = r"(?=[\s:：，,。！!]|$)"

INSIDE = re.compile(
    rf"{BEGINS}(?:summary|summari[sz]ation|translation) (?:generation |request )?(?:has )?failed\b"
    rf"|{BEGINS}(?:failed|unable) to (?:{TASK}|produce|create|process|parse)\b"
    r"|\bI(?:'m| am)(?: very| really)? sorry\b|\bI apologi[sz]e\b|\bmy apologies\b"
    rf"|\bI (?:can(?:no|')t|can not|couldn't|could not|won't|will not) {TASK}\b"
    r"|\bI(?:'m| am) (?:unable|not able|not allowed)\b"
    r"|\bas an? (?:AI|large)(?: language)? (?:model|assistant),? I\b"
    r"|\bHTTP(?:/\d(?:\.\d)?)?[ -](?:status |error |code )*[45]\d\d\b|\bstatus code:? ?[45]\d\d\b"
    r"|\b(?:internal server error|bad gateway|service unavailable|gateway time-?out)\b"
    r"|\btoo many requests\b|\brate limit (?:exceeded|reached|error)\b|\bquota exceeded\b"
    r"|\binsufficient_quota\b|\b(?:invalid|incorrect|missing) api key\b|\bAPI (?:error|timeout)\b"
    r"|\bcontext length exceeded\b|\brequest timed out\b|\btraceback \(most recent"
    r"|\bconnection (?:refused|reset by peer|timed out|aborted)\b"
    r"|(?-i:\b[A-Z][a-z]{1,20}(?:[A-Z][a-z]{1,20})?(?:Error|Exception)): "
    r"|\bno summary (?:is |was )?(?:available|provided|generated)\b"
    r"|\bplease provide (?:me )?(?:with )?(?:the|an?|more|your)"
    r" (?:abstract|title|paper|text|full)\b"
    rf"|{BEGINS}(?:摘要|总结|翻译|内容)(?:生成|请求)?失败{FINISHED}"
    rf"|{BEGINS}(?:API|接口|模型)?(?:调用|请求)(?:失败|超时){FINISHED}"
    rf"|{BEGINS}(?:网络|服务器|内部|系统|未知)错误{FINISHED}|(?:服务|模型|接口|系统)暂(?:时)?不可用"
    rf"|{BEGINS}(?:很|非常)?(?:抱歉|对不起)[，,。！]|{BEGINS}暂无(?:摘要|总结|简介)"
    rf"|{BEGINS}无法(?:生成|提供|给出|总结|完成|访问|处理)"
    r"|我(?:无法|不能)(?:生成|总结|提供|完成|满足|翻译|回答|处理|协助)|请提供(?:论文|摘要|标题|更多|完整)"
    r"|作为(?:一个|一名)?\s?(?:AI|人工智能|大型?)\s?(?:语言)?(?:模型|助手)[，,]?\s?我",
    re.IGNORECASE,
)
"""Failures anywhere in a line; papers on refusals quote them, or have them in the abstract."""

SPARED = re.compile(
    r"traceback(?! \(most|:)|as an ai(?!(?: \w+){0,3},? i\b)"
    r"|作为(?:一个|一名)?(?:AI|人工智能)(?!(?:语言)?(?:模型|助手)?[，,]?\s?我)",
    re.IGNORECASE,
)
"""Beginnings that FAILURES has and that a summary may have: 作为 AI 审稿系统的基准."""

QUOTATION = re.compile(r"“[^“”]*”|\"[^\"]*\"|「[^「」]*」|‘[^‘’]*’")
CONTEXT = 12
"""Characters behind the beginning of a line that the paper must have too."""

LABELS = re.compile(
    r"(?:(?:one[- ](?:line|sentence) )?summary|english|chinese|answer|output|response|tl;?dr|en|zh"
    r"|system|user|assistant|中文|英文|总结|概括|概述|翻译|回答|输出|一句话(?:总结|概括)?)\s*[:：]"
    r"|(?:sure|certainly|of course)[,!.] |好的[，,！!]"
    r"|here(?: is|'s| are) [^.:]{0,40}\b(?:summar|lines?\b|sentence|json|translation)[^.:]{0,30}:"
    r"|以下(?:是|为)[^。：:]{0,30}(?:摘要|总结|概括|翻译|句)[^。：:]{0,15}[:：]",
    re.IGNORECASE,
)
"""How a line begins that says what it is before it says it."""

TEMPLATE = re.compile(
    r"\{\{|\}\}|\{%|%\}|\{(?:title|abstract|paper|text|summary|content)\}"
    r"|\"(?:en|zh)\"\s*:|^\s*\{\s*\"|<\|[\w-]+\|>|\[/?INST\]|\[(?:insert|your)\b[^\]]*\]|<</?SYS>>",
    re.IGNORECASE,
)
"""Of a template, of the JSON around the lines, or of a model's own format of a conversation."""

BRACES = re.compile(r"[{}\"\[<]")

CHINESE_ECHO = 20
"""As ECHO, in Chinese characters."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`failure-text` and `prompt-text`, each once for a line."""
    for language, line in lines.items():
        if span := _failure(line, paper):
            said = line[slice(*span)].strip()
            yield Found("failure-text", f'a failure instead of a summary: "{said}"', language, span)
        if rules.extractive:
            continue
        if span := _prompt(line, paper) or _echo(line, rules.form.instructions):
            shown = line[span[0] : min(span[1], span[0] + ECHO)]
            yield Found("prompt-text", f'text of the prompt: "{shown}"', language, span)


def _failure(line: str, paper: Paper) -> Span | None:
    text = line.strip()
    if text and len(text) <= LONGEST_WHOLE and WHOLE.fullmatch(text):
        return 0, len(line)
    plain = line.replace("’", "'")
    start = len(line) - len(line.lstrip(" \"“'‘「"))
    found = FAILURES.match(plain, start)
    if found and not SPARED.match(plain, start) and not _in_paper(line, found.span(), paper):
        return found.span()
    named = "Error: " in line or "Exception: " in line
    if not named and not has_one(plain, FAILURE_WORDS, CHINESE_FAILURES):
        return None
    for found in INSIDE.finditer(plain):
        if not _quoted(line, found.span()) and not _in_paper(line, found.span(), paper):
            return found.span()
    return None


def _in_paper(line: str, span: Span, paper: Paper) -> bool:
    """Whether the paper itself has the phrase, and at the beginning of a line what follows too."""
    more = CONTEXT if len(line[: span[0]].strip()) < 2 else 0
    phrase = line[span[0] : span[1] + more].strip(":.!。！： ").lower()
    return phrase in paper.abstract.lower() or phrase in paper.title.lower()


def _quoted(line: str, span: Span) -> bool:
    """Whether a phrase stands in quotation marks that are not around the whole line."""
    for found in QUOTATION.finditer(line):
        if found.start() < span[1] and span[0] < found.end():
            return len(found[0]) < len(line.strip()) - 1
    return False


def _prompt(line: str, paper: Paper) -> Span | None:
    start = len(line) - len(line.lstrip())
    found = LABEL.match(line, start) or LABELS.match(line, start)
    if not found and BRACES.search(line):
        found = TEMPLATE.search(line)
    if not found or found[0].lower() in paper.abstract.lower():
        return None
    return found.span()


def _echo(line: str, instructions: str) -> Span | None:
    """A stretch of the instructions that a line repeats; case does not matter."""
    if not instructions:
        return None
    told = _plain(instructions)
    text = line.lower()
    # Every stretch that is long enough has one whole block of half its least length.
    block = ECHO // 2 if text.isascii() else CHINESE_ECHO // 2
    for start in range(0, len(text) - block + 1, block):
        place = told.find(text[start : start + block])
        while place >= 0:
            first, last = _stretched(text, start, told, place)
            if last - first >= ECHO or len(HAN.findall(text, first, last)) >= CHINESE_ECHO:
                return first, min(last, len(line))
            place = told.find(text[start : start + block], place + 1)
    return None


@functools.lru_cache(maxsize=16)
def _plain(instructions: str) -> str:
    return " ".join(instructions.lower().split())


def _stretched(text: str, start: int, told: str, place: int) -> Span:
    """The longest stretch around a place of two texts that is the same in both."""
    first, last = start, start
    while first and place and text[first - 1] == told[place - 1]:
        first, place = first - 1, place - 1
    place += last - first
    while last < len(text) and place < len(told) and text[last] == told[place]:
        last, place = last + 1, place + 1
    return first, last
