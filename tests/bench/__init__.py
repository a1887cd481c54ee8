"""Measured speed: `make bench` prints a table and writes JSON. Outside the product and outside the test-suite."""
