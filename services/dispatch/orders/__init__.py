"""Owns orders: who is offered one, claims it, hands in, gives back, raises it, and by when it is due."""
