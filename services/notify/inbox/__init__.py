"""What a member or an organisation has been told lately, read in the service itself."""
