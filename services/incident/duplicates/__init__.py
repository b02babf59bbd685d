"""Finds cases under way that may be the same matter, with the reasons."""
