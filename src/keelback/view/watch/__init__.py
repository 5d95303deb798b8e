"""The live view: a recorded run that a person steps through, forward and back."""
