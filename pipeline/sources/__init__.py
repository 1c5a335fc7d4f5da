"""Where papers come from: arXiv's query API, its bulk metadata file, or a saved feed."""
