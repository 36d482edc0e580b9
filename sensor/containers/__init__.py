"""Which platform this is, who the task is, and what its containers are called."""
