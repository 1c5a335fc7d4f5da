"""The words for what the app shows by a code; their Chinese is in `chinese.py`."""

STATES = {
    "undecided": "Undecided",
    "approve": "Approved",
    "edit": "Edited",
    "exclude": "Left out",
    "hold": "On hold",
}
"""A paper, by the action in force on it."""

ACTIONS = {
    "approve": "approved",
    "edit": "edited",
    "exclude": "left out",
    "hold": "put on hold",
    "reopen": "reopened",
    "pin": "pinned",
    "unpin": "unpinned",
    "move": "moved",
    "introduce": "wrote the introduction",
}
"""What an editor did."""

FLAGS = {"gap": "No model's line", "error": "Error", "warning": "Look at this", "note": "Note"}
"""What there is to see in a paper, and the severities of findings."""

FILTERS = {
    "all": "All",
    "undecided": "Undecided",
    "flagged": "Flagged",
    "gap": "No model's line",
}

SNAPSHOTS = {
    "unfinished": "Unfinished",
    "draft": "Waiting for decisions",
    "ready": "Ready to publish",
    "published": "Published",
    "correcting": "Published, correction under way",
    "withdrawn": "Withdrawn",
}
"""A snapshot, by its state."""

RELEASES = {
    "first": "published",
    "correction": "corrected",
    "heal": "completed by the model's lines",
    "withdrawn": "withdrawn",
    "noticed": "marked papers that were withdrawn",
    "again": "published again",
}
"""A release, by its reason; `noticed` where papers were withdrawn and not the digest."""

LANGUAGES = {"en": "English line", "zh": "Chinese line"}

POLICIES = {
    "all": "Every paper must be decided on before the digest is published.",
    "flagged": "Every paper with a gap, an error or a warning must be decided on before the digest "
    "is published.",
    "none": "The digest is published without waiting for decisions.",
}

REFUSALS = {
    "empty-en": "The English line is empty: write it, or leave the editor.",
    "empty-zh": "The Chinese line is empty: write it, or leave the editor.",
    "choice-changed": "These lines have changed since you saw them, and nothing was kept. Look "
    "again, then choose.",
    "bulk-changed": "These papers, or their lines, have changed since you saw them. Look again.",
    "digest-changed": "The digest has changed since you looked at it. Look again, then publish.",
    "undecided": "Not decided on yet: {count}, the first is {paper}.",
    "introduction-changed": "{editor} has changed the introduction since. It is shown below.",
    "undo-overtaken": "Somebody else has decided on it since: that stays. Open the paper to decide "
    "again.",
    "undo-nothing": "There is nothing to take back since you signed in: decide on the paper again.",
    "undo-stayed": "Not everything was taken back: on {count} of the papers somebody else has "
    "decided since.",
}
"""Why something that an editor asked for is not done."""

KEYS = (
    ("j", "Next paper"),
    ("k", "Previous paper"),
    ("a", "Approve the lines shown"),
    ("e", "Edit the lines; Ctrl+Enter saves, Esc leaves"),
    ("x", "Leave the paper out"),
    ("h", "Put it on hold"),
    ("o", "Reopen it"),
    ("u", "Undo your last decision"),
    ("1–9", "Look at another candidate"),
    ("r", "Ask a model again"),
    ("p", "Pin to the top, or unpin"),
    ("[ ]", "Move up or down"),
    ("v", "Preview and publish"),
    ("?", "Show or hide these keys"),
)
"""The keys of the review page, and what they do."""

CHOICE_KEYS = (
    ("1 ←", "Choose line 1"),
    ("2 →", "Choose line 2"),
    ("t =", "Neither is better"),
    ("j", "Skip it, on to the next open pair"),
    ("k", "Back to the pair before, to choose again"),
    ("?", "Show or hide these keys"),
)
"""The keys of blind choice."""

CHOSEN = {
    "left": "You have chosen line 1. Choose again to change it.",
    "right": "You have chosen line 2. Choose again to change it.",
    "tie": "You have chosen neither. Choose again to change it.",
}
"""What an editor chose before."""

JUST_CHOSEN = {
    "left": "Just now you chose line 1.",
    "right": "Just now you chose line 2.",
    "tie": "Just now you chose neither.",
}
"""What an editor chose for the pair that was shown a moment ago."""
