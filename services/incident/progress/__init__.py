"""Facts about orders move their cases; says when one is resolved or closed."""
