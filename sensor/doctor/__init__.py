"""What can be seen from here, what cannot, why, and what would mend it."""
