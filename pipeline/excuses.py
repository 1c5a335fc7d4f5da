"""What stands where a summary should: failures, refusals, apologies, and lines of no content.

Two kinds of pattern. Phrases that only a failure has, at the beginning of a line or within it;
and a closed vocabulary: a clause of which every word speaks of papers, summaries, requests and
services, one of them of a failure, tells nothing of any paper, however it is put.
"""

import re
from typing import NamedTuple

from pipeline.wording import HAN, WORD, words_of

WHOLE = re.compile(
    r"\W*(?:error|failed|failure|fail|unknown|summary|timeout|timed out|ok|yes|no|-|n/?a|null|none"
    r"|nan|undefined|todo|tbd|失败|错误|无|未知|超时|略|空|无摘要|没有摘要"
    r"|(?:摘要|总结|翻译|请求)失败)?\W*",
    re.IGNORECASE,
)
"""A line that is nothing else, or has no word at all."""

LONGEST_WHOLE = 40

OPENING = " \"“'‘「[（(【"
"""What may stand before the first word of a line."""

_TASK = (
    r"(?:summar\w*|provid\w*|generat\w*|help|assist|fulfil\w*|comply|complete|answer|translat\w*)"
)
_BEGINS = r"(?:^|[:.!\[(。！：【（]\s?)"
"""Where a sentence may begin; further in, the same words may be what a paper says of models."""
_FINISHED = r"(?=[\s:：，,。！!)）\]】]|$)"

ENGLISH_PHRASES = (
    rf"{_BEGINS}(?:summary|summari[sz]ation|translation) (?:generation |request )?"
    r"(?:has )?failed\b",
    rf"{_BEGINS}(?:failed|unable) to (?:{_TASK}|produce|create|process|parse)\b",
    r"\bI(?:'?m| am)(?: very| really)? sorry\b",
    r"\bI apologi[sz]e\b",
    r"\bmy apologies\b",
    rf"\bI (?:can(?:no|')t|can not|couldn't|could not|won't|will not) {_TASK}\b",
    r"\bI(?:'m| am) (?:unable|not able|not allowed)\b",
    r"\bas an? (?:AI|large)(?: language)?(?: model| assistant)?,? I\b",
    r"\bHTTP(?:/\d(?:\.\d)?)?[ -](?:status |error |code )*[45]\d\d\b",
    r"\bstatus code:? ?[45]\d\d\b",
    r"\b(?:internal server error|bad gateway|service unavailable|gateway time-?out)\b",
    r"\btoo many requests\b",
    r"\brate limit (?:exceeded|reached|error)\b",
    r"\bquota exceeded\b",
    r"\binsufficient_quota\b",
    r"\b(?:invalid|incorrect|missing) api key\b",
    r"\bAPI (?:error|timeout)\b",
    r"\bcontext length exceeded\b",
    r"\brequest timed out\b",
    r"\btraceback \(most recent",
    r"\bconnection (?:refused|reset by peer|timed out|aborted)\b",
    r"(?-i:\b[A-Z][a-z]{1,20}(?:[A-Z][a-z]{1,20})?(?:Error|Exception)): ",
    r"\bno summary (?:is |was )?(?:available|provided|generated)\b",
    r"\bplease provide (?:me )?(?:with )?(?:the|an?|more|your)"
    r" (?:abstract|title|paper|text|full)\b",
)
ENGLISH_WORDS = frozenset(
    {
        *("failed", "unable", "sorry", "apologize", "apologise", "apologies", "i", "i'm", "im"),
        *("status", "server", "gateway", "unavailable", "timed", "timeout", "requests", "exceeded"),
        *("reached", "quota", "api", "traceback", "connection", "summary", "please", "limit"),
        *("http", "insufficient"),
    }
)
"""No English phrase is in a line without one of these, but for the names of errors."""
ERROR_NAMES = ("Error: ", "Exception: ")

CHINESE_BEGINNINGS = (
    rf"{_BEGINS}(?:"
    rf"(?:摘要|总结|翻译|内容)?(?:生成|请求)失败{_FINISHED}|(?:摘要|总结|翻译|内容)失败{_FINISHED}"
    rf"|(?:API|接口|模型)?(?:调用|请求)(?:失败|超时){_FINISHED}"
    rf"|(?:网络|服务器|内部|系统|未知)错误{_FINISHED}"
    r"|(?:很|非常)?(?:抱歉|对不起)[，,。！]|暂无(?:摘要|总结|简介)"
    r"|无法(?:生成|提供|给出|总结|完成|访问|处理))"
)
CHINESE_PHRASES = (
    r"(?:服务|模型|接口|系统)暂(?:时)?不可用"
    r"|我(?:无法|不能)(?:生成|总结|提供|完成|满足|翻译|回答|处理|协助)|请提供(?:论文|摘要|标题|更多|完整)"
    r"|作为(?:一个|一名)?\s?(?:AI|人工智能|大型?)\s?(?:语言)?(?:模型|助手)[，,]?\s?我"
)

BEGINNINGS = re.compile(
    r"sorry[,.]|I (?:can(?:no|')t|can not|could not|am unable)\b|error:|exception:|traceback:"
    r"|错误[:：]|(?:很|非常)?(?:抱歉|对不起)|我(?:无法|不能)|无法满足",
    re.IGNORECASE,
)
"""How a line begins that is an apology or an error message; further in, it says less."""

CHINESE_WORDS = re.compile("失败|超时|错误|抱歉|对不起|暂无|无法|不可用|我|请提供")
"""No Chinese phrase is in a line without one of these; looking for them is faster."""

_ENGLISH = re.compile("|".join(ENGLISH_PHRASES), re.IGNORECASE)
_CHINESE_BEGINNINGS = re.compile(CHINESE_BEGINNINGS, re.IGNORECASE)
_CHINESE = re.compile(CHINESE_PHRASES, re.IGNORECASE)

_FAILING = """\
no not cannot can't couldn't unable failed failure fails error errors exception refused refuses
declined declines denied rejected missing unavailable empty timeout timed short insufficient
blocked filtered without none nothing didn't doesn't wasn't isn't invalid incomplete truncated
sorry retry unfortunately
"""
_OTHERS = """\
summary summaries abstract translation sentence one-line tl;dr paper article text title content
contents document source pdf page original full please api request service summarize summarized
summarise summarised summarizing generate generated generating provide provided return returned
retrieve retrieved access accessed fetch fetched load loaded read find found obtain obtained
produce produced create created process processed processing parse parsed complete completed
fulfil fulfill answer answered respond responded translate translated extract extracted contain
contains included give given write written made make try see refer check consult handle handled
display displayed open happened occurred went wrong exceeded information result results response
output model server system network connection data details input prompt llm ai assistant json
message code link url http english chinese one single line lines safety settings policy filter
the a an this that is are was were be been being has have had do does did to for of from in on
by with due because as so therefore and or but it its we i i'm you your me my again later at
moment time currently yet there any enough sufficient possible impossible available relevant
since here while during when could would should will may might more manually only which
requested following above long too very limited meaningful add added
"""
FAILING = frozenset(_FAILING.split())
WEAK = frozenset({"no", "not", "without", "short", "errors", "none", "nothing", "limited"})
"""Those of them that fail nothing where what was asked for is not named."""
ASKED = frozenset(
    {
        *(
            "summary",
            "summaries",
            "abstract",
            "translation",
            "sentence",
            "paper",
            "article",
            "text",
        ),
        *("title", "content", "contents", "document", "page", "request", "please", "result"),
        *("results", "response", "output", "answer", "information", "available", "possible"),
        *("found", "provided", "returned"),
    }
)
CIRCUMSTANCES = frozenset({"without", "short", "errors", "none", "limited"})
"""Those that a paper's own sentence may begin with: `Without access to the paper, …`."""
ENGLISH_VOCABULARY = FAILING | frozenset(_OTHERS.split())
"""Words of a clause that is about the making of summaries; no name of any field is one."""

_CHINESE_FAILING = """\
未能 未成功 未返回 未提供 未找到 未 没有 没能 无法 不能 不可用 拒绝 失败 出错 错误 异常 超时 中断
为空 空 缺失 暂无 暂缺 缺少 不足 过短 太短 不完整 不支持 被过滤 被拦截 被屏蔽 待补充 无内容 无摘要
繁忙 过多
"""
_CHINESE_OTHERS = """\
摘要 总结 概括 概要 简介 概述 归纳 论文 文章 该文章 此文章 这篇文章 原文 全文 本文 该文 此文 译文
翻译 请 稍后 服务 接口 调用 文本 标题 内容 主要 信息 相关 请求 结果 答案 回复 响应 句子 一句话
中文 英文 数据 有效 任何 足够 具体 完整 详细 正确 链接 服务器 网络 系统 模型 大模型 任务 操作 生成
提供 给出 返回 输出 输入 获取 获得 得到 取得 读取 访问 打开 加载 下载 检索 查找 找到 查到 检测到
识别 解析 处理 完成 进行 执行 回答 满足 协助 提取 显示 连接 提交 上传 撰写 编写 补充 再试 重试
手动 检查 查看 参阅 参考 联系 管理员 重新 尝试 过程 发生 出现 遇到 过滤 屏蔽 拦截 未知 内部 限制
频率 可供 可 无 该 此 本 这篇 这 其 对 为 将 被 由于 由 因为 因此 因 所以 所 时 中 在 并 且
您 你 我 已 暂时 暂 仅 目前 当前 上述 以上 给定 地 以便 以 用于 关于 与 或 及 和 的 了 到 后
而 从
"""


def _alternatives(words: str) -> str:
    """A pattern of some words, the longest first, so that none hides another."""
    return "|".join(sorted(words.split(), key=len, reverse=True))


CHINESE_FAILING = re.compile(_alternatives(_CHINESE_FAILING))
CHINESE_VOCABULARY = re.compile(
    rf"(?:{_alternatives(f'{_CHINESE_FAILING} {_CHINESE_OTHERS}')}"
    r"|API|LLM|AI|PDF|HTTP|JSON|OpenAI|\d+|[\s，。！；：、,.!;:()（）\[\]【】“”\"'…-])++",
    re.IGNORECASE,
)
"""The beginning of a line that is made of such words alone."""

SUBJECTS: dict[str, str] = {
    "summar": r"总结|概括|概要|\bsummar(?:y|ies|i[sz]ed?)\b",
    "abstract": r"摘要|\babstract\b",
    "translat": r"译文|翻译|\btranslat(?:ion|ed?)\b",
    "papers": r"原文|全文|(?:论文|文章)的?(?:内容|信息|链接|标题)"
    r"|(?:获取|访问|读取|打开|下载|找到)[^，。]{0,4}(?:论文|文章)|\b(?:paper|article)\b",
    "service": "服务|接口|调用",
    "request": r"请求|稍后|\bplease\b",
}
"""What a failure is one of, by a word of papers that may mean it: with it a line goes on."""
_SUBJECT = re.compile("|".join(SUBJECTS.values()), re.IGNORECASE)
_CLAUSE_ENDS = "，。！；：,.!;:)）】]"
_ENGLISH_CLAUSE = re.compile(r"[,.;:!?)\]]")


class Excuse(NamedTuple):
    """Characters [start, end) of a line that tell of a failure.

    `whole`: nothing else is in the line.
    """

    start: int
    end: int
    whole: bool


def opens(line: str) -> bool:
    """Whether a line begins as an apology or an error message does, or is nothing else."""
    excuse = barren(line)
    if (excuse and excuse.whole) or begins(line):
        return True
    return any(not line[:start].strip(OPENING) for start, _ in phrases(line))


def begins(line: str) -> re.Match[str] | None:
    """How a line begins that is an apology or an error message."""
    return BEGINNINGS.match(line, len(line) - len(line.lstrip(OPENING)))


def phrases(line: str) -> list[tuple[int, int]]:
    """Where a line has words that only failures have."""
    found = []
    named = any(name in line for name in ERROR_NAMES)
    if named or not ENGLISH_WORDS.isdisjoint(words_of(line)):
        found += [one.span() for one in _ENGLISH.finditer(line)]
    if not line.isascii() and CHINESE_WORDS.search(line):
        for pattern in (_CHINESE_BEGINNINGS, _CHINESE):
            found += [one.span() for one in pattern.finditer(line)]
    return sorted(found)


def barren(line: str) -> Excuse | None:
    """The line, or its first clause, where it has words of failures and of nothing else.

    A first clause that others follow has to name a summary, a paper or a service too.
    """
    text = line.strip()
    start = line.find(text)
    if not text:
        return None
    if len(text) <= LONGEST_WHOLE and WHOLE.fullmatch(text):
        return Excuse(0, len(line), whole=True)
    length = _chinese_length(text) if HAN.search(text) else _english_length(text)
    if not length:
        return None
    return Excuse(start, start + length, whole=length == len(text))


def subjects(said: str) -> list[str]:
    """Which of `SUBJECTS` the words of a failure are about."""
    return [name for name, pattern in SUBJECTS.items() if re.search(pattern, said, re.IGNORECASE)]


def _chinese_length(text: str) -> int:
    found = CHINESE_VOCABULARY.match(text)
    if not found:
        return 0
    end = found.end()
    if end < len(text):
        end = max(text.rfind(mark, 0, end) for mark in _CLAUSE_ENDS) + 1
        if not _SUBJECT.search(text, 0, end):
            return 0
    return end if CHINESE_FAILING.search(text, 0, end) else 0


def _english_length(text: str) -> int:
    words = words_of(text)
    if not words or not ENGLISH_VOCABULARY.issuperset(words[:2]):
        return 0
    if ENGLISH_VOCABULARY.issuperset(words):
        certain = not (FAILING - WEAK).isdisjoint(words)
        told = certain or not (FAILING.isdisjoint(words) or ASKED.isdisjoint(words))
        return len(text) if told else 0
    end = _ENGLISH_CLAUSE.search(text)
    head = WORD.findall(text[: end.start()].lower()) if end else ()
    if not head or not ENGLISH_VOCABULARY.issuperset(head):
        return 0
    telling = "too" in head or not (FAILING - CIRCUMSTANCES).isdisjoint(head)
    return end.end() if end and telling and _SUBJECT.search(text, 0, end.end()) else 0
