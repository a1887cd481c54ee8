"""Changes for a later moment: scheduled, moved, withdrawn, checked against each other, and carried out by the clockwork."""
