"""Where the pods are in Kubernetes manifests, for injection and checks."""

GROUPS = ("v1", "apps/", "batch/", "extensions/")
"""API versions, or how they begin: other groups have kinds of these names too, of other shapes."""

TEMPLATES: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""By kind, the way to what is like a pod: its `metadata` and `spec`."""
