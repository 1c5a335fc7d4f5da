"""Prompts and models side by side: what each wrote of the same papers, what was found, the cost.

`material` reads a snapshot, `rows` compares (pure), `page` and `table` show it, `filling` asks
for what is missing.
"""
