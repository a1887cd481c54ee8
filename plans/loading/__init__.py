"""The parts of a catalogue file, each read by a module of its own. `plans.loader` is the way in."""
