"""The components (部件) of a street: where each lamp and manhole stands, who looks after it, and which is nearest."""
