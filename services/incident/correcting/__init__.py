"""Corrects what a case says: category, kind, place, component, words, which member reported it; keeps what it said."""
