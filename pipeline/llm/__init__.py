"""Sole importer of openai and tiktoken: asking a model, within its limits."""
