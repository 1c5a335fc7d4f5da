"""One module per stage: each reads files and writes files, and none calls another."""
