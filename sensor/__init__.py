"""The sidecar: what collectors see is enriched, encoded, batched and delivered here."""

__version__ = "0.1.0"
