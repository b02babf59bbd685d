"""What is read of a street's orders: by what is wanted of them, counts, a file, one order."""
