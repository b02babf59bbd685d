"""Reads the street's files, checks them, and takes them over as units, organisations and members."""
