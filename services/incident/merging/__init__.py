"""Cases of the same matter merged into one that survives, and cases put under another."""
