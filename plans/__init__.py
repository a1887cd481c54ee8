"""Policy and the maths of price: pure, needs no table to price."""
