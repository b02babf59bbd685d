"""Owns deliveries: what is sent when, tried again, given up."""
