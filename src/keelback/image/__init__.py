"""What the machine loads: object code, programs, the payload."""
