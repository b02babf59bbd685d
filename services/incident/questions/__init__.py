"""Asks the reporter for more, takes the answer, and decides what happens without one; owns the questions."""
