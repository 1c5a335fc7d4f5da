"""How lines and verdicts are made. Every executor keeps the contract of `exchange.Executor`:

    run(jobs, deliver, paid=..., redo=False)

takes jobs, which all ask for the same kind of answer, from the iterable as it becomes free
for them, and calls `deliver` with exactly one `Outcome` for each job, in the order in which
they finish. A failure of the model is an outcome, never an exception. Every answer is in the
cache, and told to `paid`, before it is looked at. `selection.py` opens the one that the
settings name.
"""
