"""Owns the tree of units, their borders and their names: which unit a point or a name is in."""
