"""The names of the ledgers. A name is never changed once it was posted to; subledgers follow a colon (`revenue:usage`, `tax:vat`)."""

RECEIVABLE = "receivable"  # what customers owe on issued documents; per invoice
UNBILLED = "unbilled"  # accrued and on no document yet
DEFERRED = "deferred"  # charged in advance, not yet earned
CREDIT = "credit"  # the customers' unused money: unapplied payments and credit notes
PAYABLE = "payable"  # what we owe on issued statements
ACCRUED_PAYABLE = "accrued_payable"  # what we owe and have not stated yet
DISCOUNTS = "discounts"
CREDIT_NOTES = "credit_notes"
OPENING = "opening"  # the other side of balances brought over
REVENUE = "revenue"
EXPENSE = "expense"
TAX = "tax"
CASH = "cash"

REVENUE_BY_CHARGE = {"fee": "revenue:subscription", "usage": "revenue:usage", "sale": "revenue:sales", "interest": "revenue:interest"}
EXPENSE_BY_CHARGE = {"fee": "expense:fees", "usage": "expense:revenue-share", "sale": "expense:purchases", "interest": "expense:interest"}
