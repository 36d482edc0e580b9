"""From emitted events to delivered batches: queue, encode, seal, deliver."""
