"""Documents that hold task definitions: JSON and YAML, read so that what nobody changed is written as it was."""
