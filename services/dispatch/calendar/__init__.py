"""Owns working hours, public holidays and exceptions: how long a clock runs between two times."""
