"""Counts what the street said of each organisation."""
