"""What happens when an order's time runs out: said before, overdue, offered more widely."""
