"""Things reserved by time: rooms, seats, vehicles. Who has them when, what is free, and what it costs to change one's mind."""
