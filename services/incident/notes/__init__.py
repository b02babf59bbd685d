"""What colleagues tell one another of a case; the reporter never reads it."""
