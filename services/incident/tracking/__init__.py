"""What the reporter reads of the case by its tracking code."""
