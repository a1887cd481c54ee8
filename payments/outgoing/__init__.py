"""Money that leaves by itself: statements that are due, deposits of customers who have left.

plans      what is due when                                                      (pure)
work       the clockwork's part: the same commands as by hand, at their moments
"""
