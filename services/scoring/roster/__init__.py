"""Keeps who serves in a street, members and organisations, as dispatch tells of them."""
