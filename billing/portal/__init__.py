"""The customer's own pages: what they owe and why, their documents, their contracts, and what they may change themselves."""
