"""Processors fold events into read models, set by set. They decide nothing and read nothing but the rows that they keep."""
