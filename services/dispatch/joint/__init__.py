"""Several organisations do one order: who helps the one that answers for it, with what, and by when."""
