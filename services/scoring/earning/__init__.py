"""Decides who gets how many points for a fact, up to the daily cap, and takes them back."""
