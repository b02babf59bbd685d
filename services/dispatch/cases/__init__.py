"""What facts about a case do to its order: made when registered, ended when voided or merged."""
