"""A pod on EKS's terms, no SYS_PTRACE and default capabilities, with the sensor as `fargate-sensor inject pod` adds it.

What is seen of its apps is what is seen in an ECS task (`ordinary_app`); events bear the names of the containers, and
batches those of the pod.
"""

import json

import ordinary_app
from dns_zone import ZONE
from injected_pod import NODE
from logins import UID
from ordinary_app import (
    WHEN_TOLD,
    assert_files_told,
    assert_flow_told,
    assert_name_asked,
    assert_programs_told,
    script,
    tell,
)

SENSOR = "fargate-sensor"
MADE = {"web": "/tmp/app-was-here", "worker": "/etc/app-was-here"}
UIDS = {"web": 1000, "worker": 0}
SERVERS = {name: f"server-of-{name}" for name in UIDS}
MANIFEST = f"""\
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: shop
  labels: {{app: web, app.kubernetes.io/version: "1.4"}}
spec:
  serviceAccountName: web
  containers:
    - name: web
      image: shop:1
      command: [python3, -u, -c]
      args: [{json.dumps(WHEN_TOLD + script(f"{SERVERS['web']}.{ZONE}", MADE["web"]))}]
      securityContext: {{runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false}}
    - name: worker
      image: shop:1
      command: [python3, -u, -c]
      args: [{json.dumps(WHEN_TOLD + script(f"{SERVERS['worker']}.{ZONE}", MADE["worker"]))}]
"""
POD = {
    "namespace": "shop",
    "name": "web-1",
    "uid": UID,
    "node": NODE,
    "service_account": "web",
    "labels": {"app": "web", "app.kubernetes.io/version": "1.4"},
}


def test_apps_of_two_users_are_seen_as_in_a_task_and_every_event_has_its_names(lab, run_pod):
    addresses = {name: ordinary_app.start_server(lab).address(lab.network) for name in UIDS}
    hosts = {SERVERS[name]: address for name, address in addresses.items()}
    pod, ingest = run_pod(MANIFEST, ["--mode", "ordinary"], hosts)
    for name, uid in UIDS.items():
        app = pod.containers[name]
        tell(app)
        programs = assert_programs_told(ingest, app, uid)
        assert_files_told(ingest, app, MADE[name])
        assert_name_asked(ingest, f"{SERVERS[name]}.{ZONE}", addresses[name])
        flow = assert_flow_told(ingest, app, programs, addresses[name])
        assert flow["network"]["hostname"] == f"{SERVERS[name]}.{ZONE}"
    pod.stop()
    ingest.wait_for("sensor.stop", lambda _: True)

    events = ingest.events()
    assert [event["pod"] for event in events if event["pod"] != POD] == []
    assert {event["sensor"]["identity"] for event in events} == {"verified"}
    names = {container.id: name for name, container in pod.containers.items()}
    placed = [event for event in events if "container" in event and event["container"]["id"] != pod.pause.id]
    assert [e for e in placed if e["container"].get("name") != names[e["container"]["id"]]] == []
    assert {e["container"].get("image") for e in placed} >= {"shop:1"}
    # Of the sensor only its probe is told, which comes in from outside.
    of_the_sensor = [event for event in placed if event["container"]["name"] == SENSOR and "process" in event]
    assert {event["process"].get("session") for event in of_the_sensor} <= {"probe", "unclear"}
    connected = [event["network"] for event in events if "network" in event and "dns" not in event]
    assert {one["dst_port"] for one in connected} <= {ordinary_app.PORT, 53}
    asking = {(e["network"]["src_port"], e["dns"]["question"]) for e in events if "dns" in e}
    assert {question for _, question in asking} == {f"{server}.{ZONE}" for server in SERVERS.values()}
    assert {one["src_port"] for one in connected if one["dst_port"] == 53} <= {port for port, _ in asking}
