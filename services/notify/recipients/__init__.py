"""Owns contacts and wishes, sealed: who can be reached how, and wants to hear of what."""
