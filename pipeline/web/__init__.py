"""The editors' app: server-rendered pages on which a digest is read, corrected and released."""
