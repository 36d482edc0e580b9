"""Runs a pod as containers, as a kubelet would: in order, with the files, variables and identities that it gives them.

Mapped are the shared PID namespace, init containers and native sidecars, images, commands with `$(NAME)`, environment
(values, fields, secrets), users, capabilities, privilege escalation, read-only roots, emptyDir and projected volumes
(labels, token), the log of its termination by which a container shows its name, the cluster's resolver, probes that run
a command, and the order at the stop. What a pod has besides fails: nothing is passed over in silence.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from docker_cli import Container, docker
from engine_files import Files, mounted
from fargate_task import NewContainer, start_pause

CONTAINER_KEYS = frozenset(
    {"name", "image", "command", "args", "env", "volumeMounts", "securityContext", "livenessProbe", "restartPolicy"}
)
SECURITY_KEYS = frozenset(
    {
        *("runAsUser", "runAsGroup", "runAsNonRoot", "privileged", "allowPrivilegeEscalation"),
        *("readOnlyRootFilesystem", "capabilities"),
    }
)
SPEC_KEYS = frozenset(
    {
        *("containers", "initContainers", "volumes", "shareProcessNamespace", "nodeName", "serviceAccountName"),
        "terminationGracePeriodSeconds",
    }
)
GRACE_S = 30
ENDED_S = 60

Manifest = Mapping[str, Any]


class KubernetesPod:
    """A pod as the API server has it, with its uid, node and service account. `images` has what stands in for its
    images, `secrets` the values of its secrets by `NAME/KEY`; `kubelet` is where `files` are for the engine."""

    def __init__(
        self,
        new: NewContainer,
        network: str,
        pod: Manifest,
        images: Mapping[str, str],
        kubelet: str,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self._new = new
        self._pod = pod
        self._spec = pod["spec"]
        self._images = images
        self._secrets = secrets or {}
        self._kubelet = f"{kubelet}/{_place(pod)}"
        _demand(self._spec, SPEC_KEYS)
        resolver = mounted(f"{self._kubelet}/resolv.conf", "/etc/resolv.conf")
        self.pause, shared = start_pause(new, network, resolver, pids=self._spec.get("shareProcessNamespace"))
        self._shared = [*shared, resolver]
        self.containers: dict[str, Container] = {}

    def start(self) -> None:
        """Start the containers in their order; an init container has ended well before the next one comes."""
        for one in self._spec.get("initContainers", ()):
            made = self._start(one)
            if not _is_sidecar(one):
                made.wait_stopped(ENDED_S)
                assert made.exit_code() == 0, f"{made.role} has failed: {made.logs()[-2000:]}"
        for one in self._spec["containers"]:
            self._start(one)

    def probe(self, name: str) -> bool:
        """Whether a container's liveness probe passes."""
        (one,) = [one for one in self._every() if one["name"] == name]
        return self.containers[name].execute(*one["livenessProbe"]["exec"]["command"]).returncode == 0

    def stop(self) -> None:
        """End the containers together, and the native sidecars after them, the last first."""
        grace = f"--time={self._spec.get('terminationGracePeriodSeconds', GRACE_S)}"
        docker("stop", grace, *(self.containers[one["name"]].id for one in self._spec["containers"]))
        for one in reversed(self._spec.get("initContainers", ())):
            docker("stop", grace, self.containers[one["name"]].id)

    def clear(self) -> None:
        """Remove the containers."""
        for container in self.containers.values():
            container.remove()

    def _every(self) -> list[Manifest]:
        return [*self._spec.get("initContainers", ()), *self._spec["containers"]]

    def _start(self, one: Manifest) -> Container:
        _demand(one, CONTAINER_KEYS)
        environment = self._environment(one)
        command = [_expanded(word, environment) for word in one.get("command", ())]
        words = [*command[1:], *(_expanded(word, environment) for word in one.get("args", ()))]
        options = [
            *self._shared,
            *(f"--env={name}={value}" for name, value in environment.items()),
            *([f"--entrypoint={command[0]}"] if command else []),
            *_rights(one.get("securityContext", {})),
            *self._mounts(one),
        ]
        made = self._new(one["name"], self._images[one["image"]], options, words).start()
        self.containers[one["name"]] = made
        return made

    def _environment(self, one: Manifest) -> dict[str, str]:
        found = {"KUBERNETES_SERVICE_HOST": "10.100.0.1", "KUBERNETES_SERVICE_PORT": "443"}
        for entry in one.get("env", ()):
            value = entry["value"] if "value" in entry else self._value_from(entry["valueFrom"])
            if value is not None:
                found[entry["name"]] = _expanded(value, found)
        return found

    def _value_from(self, source: Manifest) -> str | None:
        if "fieldRef" in source:
            return _field(self._pod, source["fieldRef"]["fieldPath"])
        reference = source["secretKeyRef"]
        value = self._secrets.get(f"{reference['name']}/{reference['key']}")
        assert value is not None or reference.get("optional"), f"the pod does not start without {reference}"
        return value

    def _mounts(self, one: Manifest) -> Iterator[str]:
        yield mounted(f"{self._kubelet}/containers/{one['name']}/0", "/dev/termination-log")
        for mount in one.get("volumeMounts", ()):
            source = f"{self._kubelet}/volumes/{mount['name']}"
            yield mounted(source, mount["mountPath"], read_only=mount.get("readOnly", False))


def _field(pod: Manifest, path: str) -> str:
    """As the kubelet writes it into a variable: an annotation or label that the pod has not is empty."""
    parent, bracket, key = path.partition("['")
    value: Any = pod
    for part in parent.split("."):
        value = value[part]
    return str(value.get(key.removesuffix("']"), "") if bracket else value)


def files(pod: Manifest, nameserver: str, token: str) -> Files:
    """What the kubelet keeps of a pod on its node. `token` is what it gets for the service account."""
    place, spec = _place(pod), pod["spec"]
    found: dict[str, str | None] = {f"{place}/resolv.conf": f"nameserver {nameserver}\n"}
    for one in (*spec.get("initContainers", ()), *spec["containers"]):
        found[f"{place}/containers/{one['name']}/0"] = ""
    for volume in spec.get("volumes", ()):
        where = f"{place}/volumes/{volume['name']}"
        if "emptyDir" in volume:
            found[where] = None
            continue
        for source in volume["projected"]["sources"]:
            for path, text in _projected(pod, source, token):
                found[f"{where}/{path}"] = text
    return found


def _projected(pod: Manifest, source: Manifest, token: str) -> Iterator[tuple[str, str]]:
    ((kind, what),) = source.items()
    if kind == "serviceAccountToken":
        yield what["path"], token
        return
    assert kind == "downwardAPI", f"no source of this kind is known here: {kind}"
    for item in what["items"]:
        assert item["fieldRef"] == {"fieldPath": "metadata.labels"}
        labels = pod["metadata"].get("labels", {})
        yield item["path"], "\n".join(f'{name}="{labels[name]}"' for name in sorted(labels))


def _rights(context: Manifest) -> Iterator[str]:
    _demand(context, SECURITY_KEYS)
    assert not context.get("privileged"), "Fargate runs nothing that is privileged"
    user, capabilities = context.get("runAsUser"), context.get("capabilities", {})
    assert not (context.get("runAsNonRoot") and user == 0)
    if user is not None:
        yield f"--user={user}:{context.get('runAsGroup', 0)}"
    if context.get("readOnlyRootFilesystem"):
        yield "--read-only"
    if context.get("allowPrivilegeEscalation") is False:
        yield "--security-opt=no-new-privileges"
    yield from (f"--cap-add={name}" for name in capabilities.get("add", ()))
    yield from (f"--cap-drop={name}" for name in capabilities.get("drop", ()))


def _is_sidecar(container: Manifest) -> bool:
    return bool(container.get("restartPolicy") == "Always")


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """`$(NAME)` is a variable that was defined before, `$$` a dollar (Kubernetes, `expansion.Expand`)."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else environment.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^()]*)\)", value, text)


def _place(pod: Manifest) -> str:
    return f"pods/{pod['metadata']['uid']}"


def _demand(thing: Manifest, known: frozenset[str]) -> None:
    assert thing.keys() <= known, f"not known here: {', '.join(sorted(thing.keys() - known))}"
