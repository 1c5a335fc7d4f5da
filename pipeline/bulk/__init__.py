"""A line in each language for all of arXiv: the bulk metadata in, Parquet by month out.

    dump ──sorted_out──▶ lines by month ──months──▶ month=2024-05/papers.parquet, _SUCCESS

`streaming.py` does it in this process, month after month; `distributed.py` gives the same
functions to Ray Data, many months at once. A month is a partition: its rows take their place
whole and its marker is written last; what is not there is made by the same command again.
Answers that were paid for are in `cache/`.
"""
