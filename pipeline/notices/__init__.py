"""Telling people what happened, by mail and chat: what it says, to whom, and never twice."""
