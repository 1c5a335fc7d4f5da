"""How lines are made. Every executor keeps one contract:

`run(jobs, deliver)` takes jobs from an iterable as it becomes free for them, and calls
`deliver` with exactly one `Outcome` for each job, in the order in which they finish. A
failure of the model is an outcome, never an exception.
"""
