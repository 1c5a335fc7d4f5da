"""What commands of LaTeX's text mean on a page."""

STYLES = {
    "textbf": "strong",
    "emph": "em",
    "textit": "i",
    "textsl": "i",
    "texttt": "code",
    "underline": "u",
    "uline": "u",
    "textsuperscript": "sup",
    "textsubscript": "sub",
    "textsc": "span",
    "sout": "s",
    "st": "s",
}
"""Commands whose argument goes into an HTML element."""

SMALL_CAPITALS = '<span class="small-caps">'
"""The start tag for `\\textsc`; the style sheet says how it looks."""

DECLARATIONS = {
    "bf": "strong",
    "bfseries": "strong",
    "em": "em",
    "it": "i",
    "itshape": "i",
    "sl": "i",
    "slshape": "i",
    "tt": "code",
    "ttfamily": "code",
    "sc": "span",
    "scshape": "span",
    "rm": "", "sf": "", "rmfamily": "", "sffamily": "", "upshape": "", "mdseries": "",
    "normalfont": "", "tiny": "", "scriptsize": "", "footnotesize": "", "small": "",
    "normalsize": "", "large": "", "Large": "", "LARGE": "", "huge": "", "Huge": "",
    "boldmath": "", "centering": "", "raggedright": "",
}  # fmt: skip
"""Commands that hold to the end of their group, and the element for it; none where it is `""`."""

BARE = frozenset({
    "textrm", "textsf", "textnormal", "textup", "textmd", "text", "mbox", "hbox", "ac", "acs",
    "acf", "acl", "acp", "acfp", "gls", "Gls", "glspl", "rev", "revised", "added",
    "highlight", "hl", "title", "section", "subsection", "paragraph", "enquote",
})  # fmt: skip
"""Commands whose argument stands as it is."""

SECOND = frozenset({
    "textcolor", "colorbox", "foreignlanguage", "texorpdfstring", "raisebox", "scalebox",
})  # fmt: skip
"""Commands whose second argument stands as it is; the first is about its looks."""

BRACKETED = frozenset({
    "cite", "citep", "citet", "citealp", "citealt", "citeauthor", "citeyear", "parencite",
    "textcite", "autocite", "ref", "eqref", "autoref", "cref", "Cref", "pageref", "nameref",
})  # fmt: skip
"""Commands whose argument is the name of something elsewhere: shown in brackets."""

ASIDES = frozenset({
    "footnote", "thanks",
})  # fmt: skip
"""Commands whose argument is said beside the text: shown in parentheses."""

DROPPED = frozenset({
    "label", "vspace", "hspace", "color", "index", "phantom", "setlength",
})  # fmt: skip
"""Commands that say nothing to a reader, their argument included."""

BETWEEN = {
    "keywords": "Keywords: ",
    "Keywords": "Keywords: ",
    "and": "·",
    "item": "•",
}
"""Commands that stand for words or signs between others."""

SPACES = frozenset({
    "newline", "linebreak", "par", "quad", "qquad", "hfill", "smallskip", "medskip",
    "bigskip",
})  # fmt: skip
NOTHING = frozenset({
    "noindent", "xspace", "protect", "relax", "maketitle", "newpage", "clearpage",
    "nolinebreak", "allowbreak",
})  # fmt: skip

LETTERS = {
    "ss": "ß", "SS": "ẞ", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø",
    "aa": "å", "AA": "Å", "l": "ł", "L": "Ł", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð",
    "th": "þ", "TH": "Þ", "dj": "đ", "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip
"""Letters; a blank behind the command belongs to it."""

SYMBOLS = {
    "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "ldots": "…", "dots": "…",
    "textellipsis": "…", "textregistered": "®", "texttrademark": "™", "copyright": "©",
    "textcopyright": "©", "textdegree": "°", "degree": "°", "textasciitilde": "~",
    "textasciicircum": "^", "textbackslash": "\\", "textless": "<", "textgreater": ">",
    "textbar": "|", "textunderscore": "_", "textendash": "–", "textemdash": "—",
    "textquotedblleft": "“", "textquotedblright": "”", "textquoteleft": "‘",
    "textquoteright": "’", "textbullet": "•", "textperiodcentered": "·", "textmu": "µ",
    "textsection": "§", "S": "§", "P": "¶", "dag": "†", "ddag": "‡", "textdagger": "†",
    "pounds": "£", "textsterling": "£", "texteuro": "€", "euro": "€", "textyen": "¥",
    "textdollar": "$", "slash": "/", "lbrace": "{", "rbrace": "}", "textbraceleft": "{",
    "textbraceright": "}", "checkmark": "✓", "eg": "e.g.", "ie": "i.e.", "etal": "et al.",
    "textsim": "~", "texttimes": "×", "textpm": "±",
}  # fmt: skip

SIGNS = {
    "%": "%", "&": "&", "_": "_", "#": "#", "$": "$", "{": "{", "}": "}", " ": " ", "\n": " ",
    "\t": " ", ",": "\u202f", ";": " ", ":": " ", ">": " ", "!": "", "@": "", "/": "", "-": "",
    "\\": " ",
}  # fmt: skip
"""Commands of one sign. `\\,` is a narrow space that does not break."""
