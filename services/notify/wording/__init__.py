"""Puts a notification into words: templates by language."""
