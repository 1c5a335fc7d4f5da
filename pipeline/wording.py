"""Patterns of wording and script, for whoever judges a line: answers to a model and checks."""

import functools
import re

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]")

FAILURES = re.compile(
    r"(i'?m sorry|i am sorry|sorry[,.]|i (can't|cannot|can not|could not|am unable)|as an ai\b"
    r"|error:|exception:|traceback|request timed out|summary generation failed"
    r"|(n/?a|null|none|undefined|todo|tbd|no summary( available)?)[.!]?$"
    r"|抱歉|很抱歉|对不起|我无法|我不能|无法(生成|总结|提供|完成|满足)|作为(一个|一名)?(AI|人工智能)"
    r"|错误[:：]|请求超时|(摘要|总结)?生成失败|暂无(摘要|总结|简介))",
    re.IGNORECASE,
)
"""How a line begins that is an apology or an error message, and no summary."""

LABEL = re.compile(r"(title|abstract|标题|题目|摘要)\s*[:：]", re.IGNORECASE)
"""How a line begins that repeats the question."""

ECHO = 40
"""Characters of a prompt's instructions that a line repeats only where it is an echo."""

TAGS = "a|b|br|code|div|em|i|li|ol|p|script|span|strong|sub|sup|think|u|ul"
MARKUP = re.compile(
    rf"\*\*|```|^[-*+•#>]\s|</?(?:{TAGS})\s*/?>|<(?:{TAGS})\s[^<>]*=", re.IGNORECASE
)
"""Markdown and HTML; `a < b and c > d` is none."""

WORD = re.compile(r"[a-z']+")


def has_one(line: str, words: frozenset[str], chinese: re.Pattern[str]) -> bool:
    """Whether a line has one of some English words, in small letters, or of Chinese ones."""
    if not words.isdisjoint(_words(line)):
        return True
    return not line.isascii() and chinese.search(line) is not None


@functools.lru_cache(maxsize=4)
def _words(line: str) -> list[str]:
    """The English words of a line, remembered for those who ask about the same one next."""
    return WORD.findall(line.lower())
