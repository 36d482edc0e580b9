"""What the sensor says about itself: logs, heartbeats, health."""
