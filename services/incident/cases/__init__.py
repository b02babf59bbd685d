"""Owns cases and their timelines: the states, the moves between them, and the hash chain of entries."""
