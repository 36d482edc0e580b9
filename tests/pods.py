"""Pods of many shapes, as the API server hands them to a webhook."""

from collections.abc import Mapping
from typing import Any

Pod = dict[str, Any]


def app(name: str = "app", **fields: Any) -> dict[str, Any]:
    """A container."""
    return {"name": name, "image": f"registry.example.org/{name}:1", **fields}


def pod(*containers: dict[str, Any], metadata: Mapping[str, Any] | None = None, **spec: Any) -> Pod:
    """A pod with these containers, one app where there are none."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shop-1", "namespace": "shop", **(metadata or {})},
        "spec": {"containers": list(containers) or [app()], **spec},
    }


def annotated(**annotations: str) -> Pod:
    """A pod with annotations below `fargate-sensor/`; `__` is a dot."""
    named = {f"fargate-sensor/{key.replace('__', '.')}": value for key, value in annotations.items()}
    return pod(metadata={"annotations": named})


def limited(cpu: Any, name: str = "app") -> dict[str, Any]:
    """A container with a limit of cores."""
    return app(name, resources={"limits": {"cpu": cpu, "memory": "64Mi"}})


def user(uid: int, name: str) -> dict[str, Any]:
    """A container that says its user."""
    return app(name, securityContext={"runAsUser": uid})


def on_nodes(*terms: tuple[str, str, str]) -> Pod:
    """A pod for nodes one of whose labels has this relation to a value: (`kubernetes.io/os`, `In`, `linux`)."""
    listed = [{"matchExpressions": [{"key": k, "operator": o, "values": [v]}]} for k, o, v in terms]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": listed}}
    return pod(affinity={"nodeAffinity": required})


WINDOWS = {"windowsOptions": {"runAsUserName": "ContainerUser"}}
RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
PROBE = {"exec": {"command": ["/bin/up", "--quiet"]}, "periodSeconds": 5}
TOKEN = {"serviceAccountToken": {"audience": "other", "path": "token"}}
JOB = {"ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "bill", "uid": "u"}]}

INJECTED: dict[str, Pod] = {
    "plain": pod(),
    "without_name": {"metadata": {"generateName": "shop-"}, "spec": {"containers": [app()]}},
    "without_metadata": {"spec": {"containers": [app()]}},
    "two_apps": pod(app("web"), app("worker")),
    "ten_apps": pod(*(app(f"app-{number}") for number in range(10))),
    "init_container": pod(initContainers=[app("migrate")]),
    "other_native_sidecar": pod(initContainers=[app("proxy", restartPolicy="Always"), app("migrate")]),
    "empty_lists": pod(initContainers=[], volumes=[]),
    "null_lists": pod(initContainers=None, volumes=None),
    "volumes": pod(volumes=[{"name": "data", "emptyDir": {}}]),
    "projected_volume": pod(volumes=[{"name": "kube-api-access", "projected": {"sources": [TOKEN]}}]),
    "shared_already": pod(shareProcessNamespace=True),
    "not_shared_but_asked": annotated(inject="true")
    | {"spec": {"containers": [app()], "shareProcessNamespace": False}},
    "non_root": pod(securityContext={"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000}),
    "restricted": pod(app(securityContext=RESTRICTED), securityContext={"runAsUser": 1000}),
    "two_are_root": pod(user(0, "a"), user(0, "b"), user(7, "c")),
    "three_users": pod(user(7, "a"), user(0, "b"), app("c")),
    "limits": pod(limited("250m")),
    "limits_of_two": pod(limited("1.5", "a"), limited(2, "b")),
    "limit_of_one": pod(limited("1", "a"), app("b")),
    "pod_limits": pod(resources={"limits": {"cpu": "2"}}),
    "odd_limit": pod(limited("1e400000")),
    "exec_probes": pod(app(livenessProbe=PROBE, readinessProbe=PROBE), app("b", startupProbe=PROBE)),
    "hooks": pod(
        app(
            livenessProbe=PROBE,
            lifecycle={
                "postStart": {"exec": {"command": ["/bin/sh", "-c", "pkill -HUP web"]}},
                "preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 5; kill -s QUIT 1"]}},
            },
        ),
        app("b", lifecycle={"preStop": {"sleep": {"seconds": 5}}}),
    ),
    "long_probe": pod(app(livenessProbe={"exec": {"command": ["sh", "-c", "x" * 5000]}})),
    "http_probe": pod(app(livenessProbe={"httpGet": {"path": "/", "port": 80}})),
    "job": pod(metadata=JOB, restartPolicy="Never"),
    "job_on_failure": pod(metadata=JOB, restartPolicy="OnFailure"),
    "short_grace": pod(terminationGracePeriodSeconds=10),
    "no_grace": pod(terminationGracePeriodSeconds=0),
    "long_grace": pod(terminationGracePeriodSeconds=120),
    "other_annotations": pod(metadata={"annotations": {"prometheus.io/scrape": "true"}, "labels": {"app": "shop"}}),
    "own_image": annotated(image="other.example.org/sensor:2"),
    "native_by_annotation": annotated(mode="native"),
    "same_uid_by_annotation": annotated(security="same-uid"),
    "own_variable": annotated(env__SENSOR_DAILY_MB="20"),
    "dollars": annotated(env__SENSOR_DROP_PATHS="/data/$(HOME)/$$/*"),
    "wrong_annotations": annotated(mode="odd", env__PATH="/", env__SENSOR_INGEST_TOKEN="hunter2", colour="red"),
    "fargate_profile": pod(metadata={"labels": {"eks.amazonaws.com/fargate-profile": "shop"}}, schedulerName="fargate"),
    "linux_said": pod(os={"name": "linux"}, nodeSelector={"kubernetes.io/os": "linux"}),
    "linux_nodes": on_nodes(("kubernetes.io/os", "In", "linux")),
    "either_nodes": on_nodes(("kubernetes.io/os", "In", "windows"), ("disk", "In", "ssd")),
    "linux_said_with_settings_of_windows": pod(nodeSelector={"kubernetes.io/os": "linux"}, securityContext=WINDOWS),
    "api_source": pod(metadata={"annotations": {"kubernetes.io/config.source": "api"}}),
    "service_account": pod(serviceAccountName="shop", automountServiceAccountToken=False),
    "names_to_escape": pod(app("a"), metadata={"annotations": {"a~b/c": "d"}}, hostAliases=[{"ip": "127.0.0.1"}]),
}
"""Those that get the sensor."""

LEFT_ALONE: dict[str, tuple[Any, str]] = {
    "windows": (pod(os={"name": "windows"}), "not run on Linux"),
    "windows_selected": (pod(nodeSelector={"kubernetes.io/os": "windows"}), "not run on Linux"),
    "windows_by_the_old_label": (pod(nodeSelector={"beta.kubernetes.io/os": "windows"}), "not run on Linux"),
    "windows_settings": (pod(securityContext=WINDOWS), "not run on Linux"),
    "windows_settings_of_one": (pod(app(), app("b", securityContext=WINDOWS)), "not run on Linux"),
    "windows_nodes": (on_nodes(("kubernetes.io/os", "In", "windows")), "not run on Linux"),
    "no_linux_nodes": (on_nodes(("beta.kubernetes.io/os", "NotIn", "linux")), "not run on Linux"),
    "host_pid": (pod(hostPID=True), "hostPID"),
    "injected": (pod(app(), app("fargate-sensor")), "already"),
    "injected_native": (pod(initContainers=[app("fargate-sensor")]), "already"),
    "mirror": (pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}), "static"),
    "static": (pod(metadata={"annotations": {"kubernetes.io/config.source": "file"}}), "static"),
    "against": (annotated(inject="false"), "asks for no sensor"),
    "against_by_label": (pod(metadata={"labels": {"fargate-sensor/inject": "false"}}), "asks for no sensor"),
    "not_shared": (pod(shareProcessNamespace=False), "shareProcessNamespace"),
    "nothing": ({}, "spec"),
    "no_containers": ({"spec": {}}, "empty"),
    "text_for_containers": ({"spec": {"containers": "app"}}, "spec.containers"),
    "odd_containers": ({"spec": {"containers": ["app"]}}, "spec.containers"),
    "odd_metadata": ({"metadata": 3, "spec": {"containers": [app()]}}, "metadata"),
    "odd_annotations": (pod(metadata={"annotations": []}), "metadata.annotations"),
}
"""Those that do not, with a word of the reason."""
