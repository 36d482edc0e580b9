"""The admission webhook that puts the sensor into pods as they are created."""
