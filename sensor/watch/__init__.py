"""Live events as lines for a person."""
