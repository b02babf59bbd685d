"""Owns residents' meetings, each matter of which is a proposal; says what the next one hears of."""
