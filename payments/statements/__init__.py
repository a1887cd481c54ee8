"""Bank statements: lines read from CSV, MT940 and CAMT.053, each booked once: matched to who paid what, or put before a person.

lines       one line as plain values, and by what it is told from every other         (pure)
csv_file, mt940_file, camt_file    a file → lines and the bad ones, by number         (pure)
matching    a line and what is open → candidates with scores and reasons              (pure)
booking     lines → commands, once each, whatever dies in between
"""
