"""Where events are kept: the protocol, and SQLite behind it."""
