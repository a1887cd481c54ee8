"""What a contract agrees beyond its prices: its term and renewal, leaving early, reminders, and prices that follow an index."""
