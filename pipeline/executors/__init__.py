"""How lines are made. Every executor keeps one contract:

    run(jobs: Iterable[Job], deliver: Callable[[Outcome], None]) -> None

takes jobs from the iterable as it becomes free for them, and calls `deliver` with exactly
one `Outcome` for each job, in the order in which they finish. A failure of the model is an
outcome, never an exception.
"""
