"""ECS task definitions: the sensor put in, brought up to date, and taken out again."""
