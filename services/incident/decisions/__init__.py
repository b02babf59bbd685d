"""Decides on cases: accepted, rejected, voided, verified; owns the reasons for which one may end."""
