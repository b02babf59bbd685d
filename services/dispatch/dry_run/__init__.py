"""Says where a case would go and who would hear of it, and how past cases would go by other rules."""
