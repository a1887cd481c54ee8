"""Prepaid wallets: lots, the order in which they burn, reservations, and the tick that draws on them."""
