"""What a batch may say of where it comes from, by what was proven."""

import pytest
from logins import UID

from ingest.answers import Refused
from ingest.identity.binding import demand
from ingest.identity.principal import AwsPrincipal, PodPrincipal, Principal
from sensor.model.events import Header, Pod, Sensor, Task

TASK = "55091c13b8cf4801b527f4601742204d"
ARN = f"arn:aws:ecs:eu-central-1:123456789012:task/shop/{TASK}"
ROLE = AwsPrincipal("aws", "123456789012", "web", TASK)
IN_POD = PodPrincipal("https://issuer", "shop", "web", "web-1", UID)
POD = Pod("shop", "web-1", UID, service_account="web")
EKS = Task("eks-fargate")


def header(sensor: str, task: Task | None = None, pod: Pod | None = None) -> Header:
    return Header(Sensor(sensor, "e1", "0.1.0"), task, pod)


def ecs(**fields: str) -> Header:
    return header(TASK, Task(**({"platform": "ecs-fargate", "account": "123456789012", "arn": ARN} | fields)))


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        (ROLE, ecs()),
        (ROLE, ecs(arn=f"arn:aws:ecs:eu-central-1:123456789012:task/{TASK}")),  # before ARNs named the cluster
        (ROLE, header(TASK)),
        (ROLE, header(TASK, Task("ecs-fargate"))),
        (ROLE, header("docker-0123456789ab", Task("ecs"))),
        (IN_POD, header(UID, EKS, POD)),
        (IN_POD, header(UID, None, POD._replace(service_account=None))),
        (IN_POD, header("docker-0123456789ab", EKS)),
    ],
)
def test_who_tells_of_itself_is_let_through(principal: Principal, said: Header) -> None:
    demand(said, principal)


@pytest.mark.parametrize(
    ("principal", "said", "claim"),
    [
        (ROLE, ecs(account="999999999999"), "task.account"),
        (ROLE, ecs(arn=ARN.replace("123456789012", "999999999999")), "task.arn (account)"),
        (ROLE, ecs(arn=ARN[:-1] + "e"), "task.arn (task id)"),
        (ROLE, ecs(arn=f"arn:aws:ecs:eu-central-1:123456789012:task/{TASK}/another"), "task.arn (task id)"),
        (ROLE, ecs(arn=ARN.replace("arn:aws:", "arn:aws-cn:")), "task.arn (partition)"),
        (ROLE, ecs(arn=f"x/{TASK}"), "task.arn"),
        (ROLE, ecs(arn=f"{ARN}/{TASK}"), "task.arn"),
        (ROLE, ecs(arn=f"{ARN}\n"), "task.arn (task id)"),
        (ROLE, ecs(arn=""), "task.arn"),
        (ROLE, header(UID), "sensor.id"),
        (ROLE, header("another"), "sensor.id"),
        (ROLE, header("docker-0123456789ab/x", Task("ecs-fargate")), "sensor.id"),
        (ROLE, header(UID, None, POD), "pod.uid"),
        (IN_POD, header(UID, EKS, POD._replace(uid=UID[:-1] + "c")), "pod.uid"),
        (IN_POD, header(UID, EKS, POD._replace(namespace="bank")), "pod.namespace"),
        (IN_POD, header(UID, EKS, POD._replace(name="web-2")), "pod.name"),
        (IN_POD, header(UID, EKS, POD._replace(service_account="admin")), "pod.service_account"),
        (IN_POD, header(UID, Task("eks-fargate", arn=ARN), POD), "task.arn"),
        (IN_POD, header(UID, Task("eks-fargate", account="123456789012"), POD), "task.account"),
        (IN_POD, header(TASK, EKS, POD), "sensor.id"),
    ],
)
def test_who_tells_of_another_is_refused_and_told_which_claim_it_was(
    principal: Principal, said: Header, claim: str
) -> None:
    with pytest.raises(Refused) as caught:
        demand(said, principal)
    assert (caught.value.status, caught.value.claim) == (403, claim)
    assert caught.value.reason.startswith(f"batch.{claim} claims ")
    assert "\n" not in caught.value.reason
