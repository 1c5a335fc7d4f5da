"""The checks: what an editor must look at in a line, found by machine; pure."""
