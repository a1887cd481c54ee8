"""Alerts on usage: what a customer wants to be told once in each period, and the mail that tells it."""
