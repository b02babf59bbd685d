"""Owns transactions and balances; the sum over all accounts is zero."""
