"""The command line: parse, call, print, exit code; one module for each group of commands.

Commands import what they need inside their functions, so that `--help` stays fast.
"""
