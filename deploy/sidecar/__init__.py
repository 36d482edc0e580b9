"""What the sensor's container is, said once for ECS and for pods, and how each of them writes it."""
