"""The LaTeX of arXiv's titles and abstracts -> HTML with MathML, and plain text."""
