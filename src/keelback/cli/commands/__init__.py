"""The commands: each module has one, with its options, and imports what it needs when it is run."""
