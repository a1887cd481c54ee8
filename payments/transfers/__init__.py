"""Money out by bank file: refunds, released deposits and payouts that are to leave by transfer, in a file for the bank (pain.001).

waiting    what is to leave and in no file yet                                   (a query)
pain       transfers → the file                                                  (pure)
sending    each transfer goes into one file, by a command; the file can be made again from the events
"""
