"""The terms on which the sensor runs: what the platform grants, and who the app is."""

from typing import NamedTuple


class Terms(NamedTuple):
    """What the platform grants, and who the app is."""

    name: str
    ptrace: bool
    user: str


TERMS = (
    Terms("ECS: SYS_PTRACE, app as root", ptrace=True, user="0"),
    Terms("EKS: no SYS_PTRACE, app as uid 1000", ptrace=False, user="1000"),
)
