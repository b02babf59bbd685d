"""What a question to the reporter does to the order: its clock stands still until an answer, or none in time."""
