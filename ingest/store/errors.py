"""Every error of a store.

StoreError
├── StoreUnavailable   it cannot take or give anything now (disk full, I/O error, damage met on the way); try again
├── StoreTooSmall      it will never take this batch; send less at once or give it more room
├── StoreSlow          the question would take too long; ask for less
└── StoreUnusable      it cannot be opened at all: not ours, damaged, too new, or in use
"""


class StoreError(Exception):
    """Base of the errors below. The text is one sentence that may be shown to clients."""


class StoreUnavailable(StoreError):
    """Nothing was stored, and nothing half stored; the same may succeed later."""


class StoreTooSmall(StoreError):
    """A batch is larger than all that the store may hold; nothing was stored or deleted for it."""


class StoreSlow(StoreError):
    """A question ran into its time limit."""


class StoreUnusable(StoreError):
    """Raised on opening only; the text names the file and what to do."""
