"""From a draft of a catalogue to its publication: edited, back-tested, asked for by one person and approved by another."""
