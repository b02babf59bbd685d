"""The reporter takes a report back before somebody is on the way."""
