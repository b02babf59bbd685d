"""What the reporter says of a closing, within 14 days, and whether it opens the case again."""
