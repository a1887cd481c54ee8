"""Goods that there are only so many of: levels for each location, what is reserved of them, and every movement as an event."""
