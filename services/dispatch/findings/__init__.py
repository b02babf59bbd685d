"""Reports what was found on a patrol as a case, and keeps the number that comes back."""
