"""Decides who is told of a fact."""
