"""What a page says about its lines: who wrote them, who reviewed them, what is missing.

Every sentence exists in English and in Chinese, and is the same on the page and in Markdown.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pipeline.differences import differing, in_another_order, introduced_alike
from pipeline.records import (
    EMBEDDED,
    Digest,
    Entry,
    FailureKind,
    Finding,
    Language,
    Publication,
    Severity,
    Status,
)
from pipeline.site.text import local_time


class Said(NamedTuple):
    """One statement in both languages."""

    en: str
    zh: str


STATUS: Final[dict[Status, Said]] = {
    "new": Said("New", "新论文"),
    "revised": Said("Revised", "新版本"),
    "seen": Said("Shown before", "曾收录"),
    "withdrawn": Said("Withdrawn", "已撤稿"),
}

PICKED: Final = Said(
    "Picked from the title and abstract by a program, not written by a model.",
    "由程序根据标题和摘要列出，并非模型撰写。",
)

THANKS: Final = Said(
    "Thank you to arXiv for use of its open access interoperability.",
    "感谢 arXiv 提供开放获取的互操作服务。",
)

GAP: Final[dict[FailureKind, Said]] = {
    "unavailable": Said(
        "There is no line by the model: it could not be reached.",
        "本篇缺模型简介：模型暂时无法访问。",
    ),
    "refused": Said(
        "There is no line by the model: its provider refused the request.",
        "本篇缺模型简介：模型服务方拒绝了请求。",
    ),
    "budget": Said(
        "There is no line by the model: the budget was used up.",
        "本篇缺模型简介：预算已用完。",
    ),
    "content": Said(
        "There is no line by the model: its answers could not be used.",
        "本篇缺模型简介：模型的回答无法采用。",
    ),
    "pending": Said(
        "There is no line by the model: it has not been asked yet.",
        "本篇缺模型简介：尚未请求模型撰写。",
    ),
}

SEVERITY: Final[dict[Severity, Said]] = {
    "error": Said("Error", "错误"),
    "warning": Said("Look at this", "请核对"),
}
"""What a draft tells editors of; notes are matters of style and stand in the JSON."""

LANGUAGE: Final[dict[Language, Said]] = {
    "en": Said("English line", "英文句"),
    "zh": Said("Chinese line", "中文句"),
}

PINNED: Final = Said("Editors' choice", "编辑推荐")

NO_LINE: Final = Said("There is no line for this paper.", "本篇暂无一句话简介。")


def written(digest: Digest) -> Said:
    """By what the digest's lines were written: the models, or no model at all."""
    lines = [line for entry in digest.papers for line in entry.lines.values()]
    models = sorted({line.model for line in lines if line.origin == "model" and line.model})
    if not lines:
        return Said("None of these papers has a line.", "本页论文均暂无一句话简介。")
    if not models and digest.model in ("", EMBEDDED):
        return Said(
            "The lines were picked from the abstracts by a program; "
            "no language model was asked to write them.",
            "一句话简介由程序从摘要中选出，未使用语言模型撰写。",
        )
    if not models:
        return Said(
            f"A language model ({digest.model}) was asked, but wrote none of the lines shown here.",
            f"已请求语言模型（{digest.model}）撰写，但本页的一句话简介均非模型所写。",
        )
    prompts = sorted({line.prompt for line in lines if line.origin == "model" and line.prompt})
    english, chinese = ", ".join(models), "、".join(models)
    if prompts:
        english += f"; prompt: {', '.join(prompts)}"
        chinese += f"；提示词：{'、'.join(prompts)}"
    return Said(
        f"The lines are written by a language model ({english}), except where marked.",
        f"除另有标注外，一句话简介由语言模型撰写（{chinese}）。",
    )


def reviewed(digest: Digest) -> Said:
    """By whom the lines were reviewed, how many were not, or what the draft waits for."""
    count, undecided = len(digest.papers), len(digest.undecided)
    who, who_zh = ", ".join(digest.editors), "、".join(digest.editors)
    if digest.status == "draft":
        return Said(
            f"This is a draft: {undecided} of {count} papers wait for an editor's decision.",
            f"本页为草稿：共 {count} 篇，尚有 {undecided} 篇等待编辑审定。",
        )
    if not digest.editors:
        return Said("No person has reviewed them.", "未经人工审阅。")
    if undecided:
        return Said(
            f"Reviewed by {who}, except {undecided} of {count} papers that no person has reviewed.",
            f"由 {who_zh} 审阅；共 {count} 篇，其中 {undecided} 篇未经人工审阅。",
        )
    return Said(f"Reviewed by {who}.", f"由 {who_zh} 审阅。")


def origin_note(entry: Entry, language: Language) -> str | None:
    """What stands beside a line that no model wrote, in the line's own language."""
    line = entry.lines[language]
    if line.origin == "embedded":
        return getattr(PICKED, language)  # type: ignore[no-any-return]
    if line.origin == "model":
        return None
    if line.editor is None:
        return {"en": "Edited by an editor", "zh": "经编辑修改"}[language]
    return {"en": f"Edited by {line.editor}", "zh": f"经 {line.editor} 修改"}[language]


def gap_note(entry: Entry) -> Said | None:
    """Why the model's line is missing, where one was asked for; the details are the operator's."""
    return GAP[entry.gap.kind] if entry.gap else None


def findings(digest: Digest) -> dict[str, list[Finding]]:
    """By paper what an editor must look at in its lines; nothing once the digest is published."""
    found: dict[str, list[Finding]] = {}
    if digest.status == "draft":
        for severity in SEVERITY:  # the worst first
            for finding in digest.findings:
                if finding.severity == severity:
                    found.setdefault(finding.paper, []).append(finding)
    return found


def withdrawal_note(digest: Digest, entry: Entry) -> Said | None:
    """That the paper was withdrawn after the version shown, when, and what its authors say."""
    gone = entry.withdrawn
    if gone is None:
        return None
    when = local_time(digest)(gone.at)
    return Said(
        f"This paper has been withdrawn since, by its version {gone.version} of {when}. "
        f"The authors' comment: “{gone.comments}”",
        f"本文其后已撤稿（第 {gone.version} 版，{when}）。作者的说明：“{gone.comments}”",
    )


def review_note(entry: Entry) -> Said:
    """Who decided on the paper, and in which snapshot if it was not this one."""
    if entry.decision is None or not entry.settled:
        return Said("Not reviewed by a person", "未经人工审阅")
    name = entry.decision.reviewer
    if entry.carried_from:
        return Said(
            f"Reviewed by {name}; decision carried over from snapshot {entry.carried_from}",
            f"{name} 审阅，沿用 {entry.carried_from} 期的决定",
        )
    return Said(f"Reviewed by {name}", f"{name} 审阅")


def introduced(digest: Digest) -> Said | None:
    """By whom the introduction was written, where there is one."""
    if digest.introduction is None:
        return None
    editor = digest.introduction.reviewer
    return Said(f"Introduction by {editor}", f"{editor} 撰写导语")


def release_notes(digest: Digest, releases: Sequence[Publication]) -> list[Said]:
    """What was done to the digest since it was first published, oldest first, with dates."""
    local = local_time(digest)
    befores = [None, *releases]
    return [
        _release_note(release, before, local(release.at))
        for release, before in zip(releases, befores, strict=False)
    ]


def _release_note(release: Publication, before: Publication | None, when: str) -> Said:
    by = f" by {', '.join(release.who)}" if release.who else ""
    by_zh = f"由 {'、'.join(release.who)} " if release.who else ""
    if before is None or release.reason == "first":
        return Said(f"Published on {when}.", f"{when} 发布。")
    if release.why is not None:
        return Said(
            f"Withdrawn on {when}{by}: {release.why}",
            f"{when} {by_zh}撤回。原因：{release.why}",
        )
    changed = _changed(before.digest, release.digest)
    if before.why is not None:
        what = f", with changes: {changed.en}" if changed.en else ""
        what_zh = f"，有更改：{changed.zh}" if changed.en else ""
        return Said(f"Published again on {when}{what}.", f"{when} 重新发布{what_zh}。")
    if release.reason == "correction":
        what, what_zh = (f": {changed.en}", f"：{changed.zh}") if changed.en else ("", "")
        return Said(f"Corrected on {when}{by}{what}.", f"{when} {by_zh}更正{what_zh}。")
    if release.reason == "heal":
        return Said(
            f"Completed on {when}: lines that the model had failed to give were added.",
            f"{when} 补全：补上了模型此前未能给出的简介。",
        )
    return Said(
        f"On {when} papers were marked that have been withdrawn since.",
        f"{when} 标注了其后撤稿的论文。",
    )


def _changed(before: Digest, after: Digest) -> Said:
    """What a correction changed: the papers, by their ids, and what concerns the whole."""
    papers = differing(before, after)
    english, chinese = list(papers), list(papers)
    if not introduced_alike(before, after):
        english.append("the introduction")
        chinese.append("导语")
    if in_another_order(before, after):
        english.append("the order of the papers")
        chinese.append("论文次序")
    return Said(", ".join(english), "、".join(chinese))
