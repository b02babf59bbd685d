"""What the street says of how a closed case was handled; owns these evaluations."""
