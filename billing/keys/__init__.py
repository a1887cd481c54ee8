"""Keys of programs: making them, and the commands about them."""
