"""What readers see: digests and publications -> pages, without touching a file."""
