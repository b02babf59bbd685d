"""Sends a message by e-mail or webhook, and says whether it arrived."""
