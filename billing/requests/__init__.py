"""Requests: whatever corrects money can be asked for by one person and decided by another, and is done exactly as it was shown."""
