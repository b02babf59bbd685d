"""Other residents follow a case without reporting it again, by a code of their own; owns who follows."""
