"""Ranks members and organisations of a street by their points."""
