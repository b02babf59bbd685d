"""How many points what is worth; read from a file at the start."""
