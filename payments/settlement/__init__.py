"""What a document costs by the day of its payment: less early, more after the due date.

target     a late document and its steps → the surcharge of each                    (pure)
loading    reads the steps and what became of the documents
work       the clockwork's part: a surcharge on the morning after each step
early      the discount of who pays in time, as a credit note before the payment
"""
