"""Dunning: how open documents are pursued. `cases` is pure, `loading` reads, `steps` makes events, `work` is the clockwork's part of it."""
