"""Reasons in `evidence.missing` for what is not there because there is none, and not because nobody saw it."""

TO_EVERY_ADDRESS = "bound to every address"
NOT_CONNECTED = "not connected"
NEVER_ESTABLISHED = "never established"

BY_NATURE = frozenset({TO_EVERY_ADDRESS, NOT_CONNECTED, NEVER_ESTABLISHED})
"""The field has no value, and that is all there is to know of it."""
