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
CONVERSION = "conversion"  # where two currencies meet, by pair
FX_GAIN = "revenue:fx-gain"
FX_LOSS = "expense:fx-loss"

WHO_OWES = (RECEIVABLE, CREDIT, PAYABLE)

REVENUE_BY_CHARGE = {"fee": "revenue:subscription", "usage": "revenue:usage", "sale": "revenue:sales", "interest": "revenue:interest"}
EXPENSE_BY_CHARGE = {"fee": "expense:fees", "usage": "expense:revenue-share", "sale": "expense:purchases", "interest": "expense:interest"}

# Money on its way, and money that is not ours. Each of these is zero once what it waits for has happened.
CREDIT_HELD = "credit_held"  # the customers' unused money that an open dispute may take
REFUNDS_PAYABLE = "refunds_payable"  # refunds decided and not confirmed
PAYOUTS = "payouts_payable"  # payouts decided and not confirmed
DISPUTES = "disputes"  # what the bank took for open disputes
UNIDENTIFIED = "unidentified"  # money whose payer is not known
TRANSFER = "transfer"  # money on its way from one account to another: zero over all accounts
DEPOSITS = "deposits"  # security deposits
BAD_DEBT = "expense:bad-debt"
RECOVERED = "revenue:bad-debt-recovered"
ALLOWANCE = "allowance"  # what of the receivables is expected to be lost
DISPUTE_FEES = "expense:dispute-fees"
DISPUTE_LOSSES = "expense:dispute-losses"
BANK_FEES = "expense:bank-fees"
BANK_EXPENSES = "expense:by-bank"  # what left the bank account and a person explained
FORFEITED = "revenue:forfeited-deposits"

# What is charged for being late.
LATE_FEES = "revenue:late-fees"
LATE_INTEREST = "revenue:late-interest"
INSTALMENT_INTEREST = "revenue:instalment-interest"

# Prepaid wallets.
PREPAID = "prepaid"  # paid money of the customers that was not used yet
OVERDRAWN = "overdrawn"  # what was used beyond a wallet: the next grant pays it
PROMOTIONS = "discounts:promotional"  # promotional money, when it is used
COURTESY = "discounts:courtesy"  # what was used beyond a wallet and is given
BREAKAGE = "revenue:breakage"  # paid money that expired unused

#: What an account must not hold when it is closed.
WAITING = (CREDIT_HELD, REFUNDS_PAYABLE, PAYOUTS, DISPUTES, UNIDENTIFIED, DEPOSITS, PREPAID, OVERDRAWN)
