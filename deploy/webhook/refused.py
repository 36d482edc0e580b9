"""A request that is no review, refused with a status and a reason."""


class Refused(Exception):
    """`reason` is one sentence for whoever sent it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
