"""Decides which unit answers for a case: by rules, the list, the point, or names of places."""
