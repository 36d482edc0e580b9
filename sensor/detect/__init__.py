"""Detection on the spot: what Sigma rules were compiled to, matched with every event as it passes."""
