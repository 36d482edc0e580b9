"""A stand-in for the API server: keeps objects, tells the kinds that it has, and refuses everything else.

As much of the API's conventions as Helm's client asks for (kubernetes.io/docs/reference/using-api/api-concepts):
discovery, GET and list, POST, server-side apply and PUT, DELETE. Nothing is defaulted, and nothing runs.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import yaml
from local_http import QuietHandler, serving

Object = dict[str, Any]
VERBS = ["create", "delete", "get", "list", "patch", "update"]


class Kind(NamedTuple):
    """What discovery says of one kind. `api` is the group and version, `v1` for the core."""

    api: str
    name: str
    plural: str
    namespaced: bool = True


KINDS = (
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("v1", "Pod", "pods"),
    Kind("v1", "Secret", "secrets"),
    Kind("v1", "Service", "services"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("apps/v1", "StatefulSet", "statefulsets"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False),
)
APIS = tuple(dict.fromkeys(kind.api for kind in KINDS))
_OBJECT = re.compile(
    r"/(?:api|apis)/(?P<api>v1|[^/]+/v1)(?:/namespaces/[^/]+)?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?"
)


def discovery(path: str) -> Object | None:
    """What there is below a path that names no object."""
    groups = [api for api in APIS if "/" in api]
    if path == "/version":
        return {"major": "1", "minor": "33", "gitVersion": "v1.33.1"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [{"groupVersion": api, "version": api.partition("/")[2]} for api in groups]
        listed = [
            {"name": version["groupVersion"].partition("/")[0], "versions": [version], "preferredVersion": version}
            for version in versions
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    api = path.removeprefix("/apis/" if path.startswith("/apis/") else "/api/")
    resources = [
        {"name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.name, "verbs": VERBS}
        for kind in KINDS
        if kind.api == api
    ]
    return {"kind": "APIResourceList", "groupVersion": api, "resources": resources} if resources else None


def schema(path: str) -> Object | None:
    """OpenAPI, only so much that a client leaves the checking of fields to the server."""
    roots = {api: f"/openapi/v3/{'apis' if '/' in api else 'api'}/{api}" for api in APIS}
    if path == "/openapi/v3":
        return {"paths": {root.removeprefix("/openapi/v3/"): {"serverRelativeURL": root} for root in roots.values()}}
    api = next((api for api, root in roots.items() if root == path), None)
    if api is None:
        return None
    group, _, version = f"/{api}".rpartition("/")
    paths = {
        f"/{kind.plural}/{{name}}": {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "x-kubernetes-group-version-kind": {"group": group[1:], "version": version, "kind": kind.name},
            }
        }
        for kind in KINDS
        if kind.api == api
    }
    return {"openapi": "3.0.0", "info": {"title": api, "version": "1"}, "paths": paths}


class Cluster:
    """The objects, by kind in the plural and name; there is one namespace."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.asked: list[str] = []
        """Requests as `GET /api/v1/…`."""
        self.url = ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Object]:
        """The status and the answer to one request."""
        self.asked.append(f"{method} {path}")
        if method == "GET" and (found := discovery(path) or schema(path)) is not None:
            return 200, found
        match = _OBJECT.fullmatch(path)
        if match is None:
            return _failure(404, "NotFound", path)
        return self._object(method, match["plural"], match["name"], body)

    def _object(self, method: str, plural: str, name: str | None, body: bytes) -> tuple[int, Object]:
        if method == "GET" and name is None:
            items = [one for (kind, _), one in self.objects.items() if kind == plural]
            return 200, {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}
        given: Object = yaml.safe_load(body) if body else {}
        key = (plural, name or given["metadata"]["name"])
        there = self.objects.get(key)
        if method == "POST" and there is not None:
            return _failure(409, "AlreadyExists", key[1])
        if method in ("POST", "PATCH", "PUT"):
            self.objects[key] = given
            return 200 if there else 201, given
        if there is None:
            return _failure(404, "NotFound", key[1])
        if method == "DELETE":
            del self.objects[key]
        return 200, there


def _failure(code: int, reason: str, about: str) -> tuple[int, Object]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": about}


@contextmanager
def kubernetes_api() -> Iterator[Cluster]:
    """The stand-in on loopback until the end."""
    cluster = Cluster()

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that the base class looks for
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, document = cluster.answer(self.command, self.path.partition("?")[0].rstrip("/"), body)
            self.answer(code, json.dumps(document))

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that the base class looks for

    with serving(Handler) as cluster.url:
        yield cluster
