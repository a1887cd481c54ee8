"""Worked cases from elsewhere, run against this system: what agrees, what differs and why, and what waits for something."""
