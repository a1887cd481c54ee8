"""Exchange rates: published facts of the house, looked up by day, and never changed in what they converted."""
