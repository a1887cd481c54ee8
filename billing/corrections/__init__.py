"""Correction sets: many corrections as one thing, previewed, approved by somebody else, applied in chunks, reverted as one."""
