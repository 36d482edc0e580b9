"""The central endpoint: receives batches from many tasks, stores each event once, and shows what happened."""
