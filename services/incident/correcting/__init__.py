"""Corrects what a case says: category, kind, place, words, which member reported it; keeps what it said."""
