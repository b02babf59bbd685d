"""Owns the units of a street, as dispatch tells them: which there are, and which is below which."""
