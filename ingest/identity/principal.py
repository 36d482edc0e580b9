"""Who a sensor has proven to be."""

from typing import NamedTuple


class AwsPrincipal(NamedTuple):
    """A session of an IAM role, as STS names it. ECS makes the task's id the name of the session."""

    partition: str
    account: str
    role: str
    session: str

    @property
    def name(self) -> str:
        """The ARN of the session."""
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{self.role}/{self.session}"


class PodPrincipal(NamedTuple):
    """A pod, as the issuer of its service account's token names it."""

    issuer: str
    namespace: str
    service_account: str
    pod: str
    uid: str

    @property
    def name(self) -> str:
        """One line that says all five."""
        account = f"namespaces/{self.namespace}/serviceaccounts/{self.service_account}"
        return f"{self.issuer}/{account}/pods/{self.pod}/{self.uid}"


Principal = AwsPrincipal | PodPrincipal
