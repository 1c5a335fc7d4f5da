"""What has to hold after every night: papers, decisions, lines, books, and all of it."""
