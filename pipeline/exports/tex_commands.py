"""The LaTeX commands that are known to do no harm, by what may be done with them."""

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


WITH_GROUP: Final = _names("""
    emph textbf textit textrm textsc textsf textsl texttt textmd textup textnormal underline
    textsuperscript textsubscript
""")
"""Formatting: kept where a group in braces follows."""

TRANSPARENT: Final = _names("""
    url mbox text cite citep citet ref footnote
""")
"""Dropped, and their group kept: what they do concerns the paper's own document."""

LETTERS: Final = _names("""
    ss o O l L ae AE oe OE aa AA i j dh DH th TH dj DJ ng NG
""")
SYMBOLS: Final = _names("""
    textbackslash textasciitilde textasciicircum textbar textless textgreater textquotesingle
    textquotedblleft textquotedblright textquoteleft textquoteright textendash textemdash
    textregistered texttrademark textcopyright textdegree textmu dots ldots copyright pounds
    S P dag ddag LaTeX TeX
""")
"""Text without arguments, like the letters before."""

SWITCHES: Final = _names("""
    bf it rm em tt sc sl sf cal bfseries itshape normalfont
""")
"""Changes of the font, which are dropped: outside a group they would never end."""

IN_FORMULAS: Final = _names("""
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda
    mu nu xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta
    Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega digamma
    ell hbar hslash imath jmath Re Im wp aleph beth gimel partial nabla infty emptyset varnothing
    forall exists nexists neg lnot angle degree prime backprime top bot triangle square Box
    Diamond diamondsuit heartsuit clubsuit spadesuit flat natural sharp checkmark dagger ddagger
    dag ddag S P
    pm mp times div cdot ast star circ bullet cap cup uplus sqcap sqcup vee wedge land lor
    setminus smallsetminus wr amalg oplus ominus otimes oslash odot diamond bigtriangleup
    bigtriangledown triangleleft triangleright ltimes rtimes boxplus boxtimes sum prod coprod
    int iint iiint oint bigcap bigcup bigsqcup bigvee bigwedge bigodot bigotimes bigoplus
    le leq leqslant ge geq geqslant ll gg lll ggg ne neq equiv sim simeq approx cong propto
    asymp doteq prec succ preceq succeq subset supset subseteq supseteq subsetneq supsetneq
    sqsubset sqsupset sqsubseteq sqsupseteq in ni notin mid nmid parallel nparallel perp vdash
    dashv models bowtie lesssim gtrsim lessapprox gtrapprox lessgtr triangleq coloneqq not
    to gets leftarrow rightarrow leftrightarrow Leftarrow Rightarrow Leftrightarrow iff implies
    longleftarrow longrightarrow longleftrightarrow Longrightarrow Longleftrightarrow mapsto
    longmapsto hookrightarrow hookleftarrow uparrow downarrow updownarrow Uparrow Downarrow
    nearrow searrow swarrow nwarrow rightharpoonup rightleftharpoons rightsquigarrow leadsto
    xrightarrow xleftarrow
    arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf
    limsup ln log max min Pr sec sin sinh sup tan tanh bmod pmod mod
    frac dfrac tfrac cfrac binom dbinom tbinom sqrt left right middle big Big bigg Bigg bigl bigr
    Bigl Bigr biggl biggr Biggl Biggr langle rangle lceil rceil lfloor rfloor lbrace rbrace lvert
    rvert lVert rVert vert Vert backslash
    hat widehat check tilde widetilde acute grave dot ddot breve bar vec mathring overline
    underline overbrace underbrace overset underset stackrel overrightarrow overleftarrow
    substack limits nolimits
    mathbb mathbf mathcal mathfrak mathit mathrm mathscr mathsf mathtt mathnormal boldsymbol bm
    pmb text textbf textit textrm textsf texttt textsc mbox operatorname mathop mathbin mathrel
    mathord displaystyle textstyle scriptstyle rm bf it cal sf tt
    quad qquad enspace thinspace negthinspace ldots cdots vdots ddots dots dotsc dotsb
""")
"""What is kept in mathematics; a formula with anything else is shown as text."""
