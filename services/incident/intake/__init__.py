"""Takes reports of people and of other systems: whether one is taken, its number and tracking code."""
