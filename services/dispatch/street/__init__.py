"""The street as routing and offering see it, kept in memory; owns units, organisations and members."""
