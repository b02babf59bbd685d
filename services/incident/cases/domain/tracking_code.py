"""The code by which a reporter, and nobody else, finds the case."""

from __future__ import annotations

TRACKING_BITS = 65
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALPHABET = frozenset(_CROCKFORD)
_MISREAD = str.maketrans("OIL", "011", "- ")


def tracking_code(random_bits: int) -> str:
    """13 characters of Crockford's base 32 for 65 random bits."""
    return "".join([_CROCKFORD[random_bits >> shift & 31] for shift in range(60, -1, -5)])


def as_issued(typed: str) -> str | None:
    """A tracking code as a person typed it, in the form in which it was issued; None when it cannot be one."""
    code = typed.upper().translate(_MISREAD)
    return code if len(code) == 13 and set(code) <= _ALPHABET else None
