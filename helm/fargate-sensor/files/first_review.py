"""Asks the webhook for a pod's sensor as the API server would: `python3 -c SCRIPT URL...`, the authority (PEM) in CA.

Exits with a line that says what is wrong where an answer is not the wanted one. Nothing is created: it is a dry run.
"""

import base64
import json
import os
import ssl
import sys
import urllib.request

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "first",
        "labels": {"fargate-sensor/inject": "true"},
        "annotations": {"fargate-sensor/inject": "true"},
    },
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "helm-test",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "default",
        "operation": "CREATE",
        "dryRun": True,
        "object": POD,
    },
}


def ask(url):
    """The names of what would be added to the pod. Raises what urllib does, and KeyError for an answer that is none."""
    trusted = ssl.create_default_context(cadata=os.environ.get("CA") or None)
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(REVIEW).encode(), headers)  # noqa: S310 - the chart writes the URL
    with urllib.request.urlopen(request, timeout=10, context=trusted) as answer:  # noqa: S310 - as above
        response = json.load(answer)["response"]
    if response["uid"] != "helm-test" or response["allowed"] is not True:
        raise ValueError(f"the answer is {response}")
    if not response.get("patch"):
        raise ValueError(f"no sensor would be put into a pod: {response.get('warnings')}")
    return [operation["path"] for operation in json.loads(base64.b64decode(response["patch"]))]


for url in sys.argv[1:]:
    try:
        print(url, "would add", *ask(url))
    except (OSError, KeyError, TypeError, ValueError) as error:
        sys.exit(f"{url}: {type(error).__name__}: {error}")
