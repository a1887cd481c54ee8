"""Drills: each injects one kind of fault, many times, and counts what came of it; each has a deliberately wrong variant that it catches.

One implementation for both uses: `tests/faults/test_drills.py` runs every drill short, as part of the suite; `make faults` runs them at
length, on a server of its own, and prints a table (`python -m tests.drills`, docs/faults.md).
"""
