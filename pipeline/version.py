"""The version of the program: written into `run.json` and read by the build."""

VERSION = "0.1.0"
