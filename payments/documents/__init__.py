"""What customers get to read: one model of a document, and its faces: page, PDF, mail, plain text.

reading    events, read models and frozen people → Document            (a query; the only module here that reads the database)
values     Document: typed amounts, dates and names, no language
shown      Document and a locale → Shown: the same in words, every amount and date formatted once
faces      Shown → page, PDF, text; they place what Shown says and add nothing, so that they agree
mailing    Document → a mail with all three
"""
