"""What processes say to each other: handles, endpoints, messages."""
