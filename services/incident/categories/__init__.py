"""Owns the categories of a street, as dispatch tells them: what can be reported, and who registers it."""
