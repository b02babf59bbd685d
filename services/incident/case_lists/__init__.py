"""What staff read: cases by what is wanted of them, counts, a file, one case with its timeline."""
