"""When somebody is expected, and which papers are needed; what may be changed until when."""
