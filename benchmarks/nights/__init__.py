"""A long run of nights on which everything goes wrong, and what is looked at after each.

    plan        what is done to each night: drawn from a seed
    world       arXiv and the model: the test bed's servers, behind a witness
    corpus      the papers that arXiv announces, and what is true of each
    machine     the folder that paperline works in, and its commands as processes
    mischief    damage to that folder
    people      the operator, who does what doctor says, and the editors
    evidence    what is on disk, read from the files alone
    invariants  what has to hold
    simulation  one night after the other
    table       what was done, and what was found

Nothing here imports paperline: whoever judges shares no code with what is judged.
"""
