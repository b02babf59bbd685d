"""How many open orders each member has, and who is away, so that nobody has more than their limit."""
