"""paperline: each night's arXiv abstracts as a reviewed, bilingual digest.

arXiv ──fetch──▶ 1-papers ──summarize──▶ 2-summaries ──check──▶ 3-findings
                                              │                      │
                                              │             editors' decisions
                                              ▼                      ▼
site ◀───build─── 6-published ◀─gate── 5-digest ◀──assemble── 4-decisions

Stages (`stages/`) read files and write files, and never call each other; `run.py`
puts them in order and resumes what is unfinished, `releasing.py` is the gate that everything
passes which readers see; `site/` makes its pages, `outputs.py` owns the files, `web/` is the
editors' app.
"""
