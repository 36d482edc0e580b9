"""`inject pod`: its options, and the work on a manifest."""

import argparse
import os

from deploy.commands import files, pod_options, values
from deploy.commands.complaints import CannotDo
from deploy.documents.stream import Stream
from deploy.pod import left_alone, manifest
from deploy.pod.manifest import Pod
from deploy.pod.rewrite import put_in, take_out
from deploy.told import Told

add_options = pod_options.add_options
HELP = "Kubernetes manifests"
ABOUT = """\
Reads Kubernetes manifests and writes them with the sensor as a sidecar of each pod. FILE has Pods, Deployments,
StatefulSets, DaemonSets, ReplicaSets, Jobs, CronJobs or Lists of them, among others, in YAML (several documents) or
JSON; - is standard input. A pod that has the sensor stays as it is; --remove takes out what was put in. What changes is
shown on a terminal, with a warning for all that may work differently.
Exit codes: 0 when written, 1 when it cannot be done (nothing is written then), 2 for wrong usage."""
EXAMPLE = """\
for example:
  fargate-sensor inject pod shop.yaml --ingest-url https://ingest.example.org \\
    --image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/fargate-sensor:0.1.0 -o shop-with-sensor.yaml
  helm template shop ./chart \\
    | fargate-sensor inject pod - --destination kinesis:security --image "$IMAGE" | kubectl apply -f -"""


def work(content: bytes, options: argparse.Namespace) -> tuple[str, str, list[Told]]:
    """The original, the text as it is to be, and what to tell. Raises `CannotDo`, `MalformedDocument`."""
    wishes = None if options.remove else pod_options.wishes(options, os.environ)
    stream = Stream(content)
    found = manifest.pods(stream)
    _demand_pods(found.pods, options.file)
    told = [*found.notes, *values.other_name(None if wishes is None else wishes.image)]
    for one in found.pods:
        lines = take_out(one) if wishes is None else put_in(one, wishes)
        told += [line._replace(text=f"{one.place}: {line.text}") for line in lines]
    return stream.original, stream.text(), told


def _demand_pods(pods: tuple[Pod, ...], name: str) -> None:
    """Raises `CannotDo` where there is none, or where one is of no shape that can be worked on."""
    where = files.shown(name)
    if not pods:
        raise CannotDo([f"{where}: no pod, and nothing that makes pods: Deployment, StatefulSet, Job and their like"])
    wrong = [(one, reason) for one in pods if (reason := left_alone.malformed(one.raw)) is not None]
    if wrong:
        raise CannotDo([f"{where}: {one.place}: {reason}" for one, reason in wrong])
