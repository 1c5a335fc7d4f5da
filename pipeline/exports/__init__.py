"""A digest for other programs: a spreadsheet, BibTeX, RIS; without touching a file."""
