"""Sole importer of openai, tiktoken and tenacity: asking a model, within its limits."""
