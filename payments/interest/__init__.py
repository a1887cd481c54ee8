"""Late interest: `target` is pure, `loading` reads, `work` is the clockwork's part, `settling` charges it before a payment."""
