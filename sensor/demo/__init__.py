"""The ingest and the sensor beside each other on one machine, for a first look."""
