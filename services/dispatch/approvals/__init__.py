"""A handler asks for more time, a clock that stands still, or appeals; the organisation above decides."""
