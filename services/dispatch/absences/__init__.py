"""Who is away from when to when, and what becomes of their offers and orders meanwhile."""
