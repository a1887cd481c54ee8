"""The policy of the house: what a seller decided for its own books and people, published like a catalogue, version by version."""
