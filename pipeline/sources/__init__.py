"""Where papers come from: arXiv's query API, or a saved feed of the same form."""
