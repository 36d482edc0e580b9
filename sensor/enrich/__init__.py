"""What is added to an event before it leaves: container, ancestors, masking."""
