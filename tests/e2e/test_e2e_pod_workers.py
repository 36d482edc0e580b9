"""Workers as nginx has them, forked by root and then another user without an exec, in a pod without SYS_PTRACE.

The kernel lets nobody but SYS_PTRACE read of them what the ptrace read check guards (ptrace(2), PR_SET_DUMPABLE): not
root, which is another user, and not a helper of their own user. What that leaves unknown is named in every event.
"""

import json

import ordinary_app
from dns_zone import ZONE
from docker_cli import BASE
from ordinary_app import WHEN_TOLD, args, in_container, tell

PORT = 8080
USER = 33  # www-data in the base image
MASTER = f"""
import os, socket, subprocess, time
listener = socket.create_server(("", {PORT}))
if os.fork():
    while True:
        time.sleep(3600)
os.setgroups([])
os.setresgid({USER}, {USER}, {USER})
os.setresuid({USER}, {USER}, {USER})
client, _ = listener.accept()
with client, socket.create_connection(("server.{ZONE}", {ordinary_app.PORT})) as upstream:
    upstream.sendall(b"hello")
    client.sendall(upstream.recv(2000))
    time.sleep(2)
subprocess.run(["sh", "-c", "sleep 0.29; true"])
"""
CLIENT = f"import socket, sys; c = socket.create_connection((sys.argv[1], {PORT})); c.recv(2000); c.recv(1)"
MANIFEST = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: web-1, namespace: shop}}
spec:
  serviceAccountName: web
  containers:
    - name: web
      image: shop:1
      command: [python3, -u, -c]
      args: [{json.dumps(WHEN_TOLD + MASTER)}]
"""


def missing(event):
    """The fields that are missing, with the reason."""
    return {entry["field"]: entry["reason"] for entry in event["evidence"].get("missing", ())}


def test_what_cannot_be_read_of_workers_is_named_and_the_rest_is_there(lab, run_pod):
    server = ordinary_app.start_server(lab)
    address = server.address(lab.network)
    pod, ingest = run_pod(MANIFEST, ["--mode", "native"], {"server": address})
    web = pod.containers["web"]
    master = ingest.wait_for("process.exec", in_container(web, lambda event: args(event).startswith("python3 -u -c")))
    tell(web)
    listens = ingest.wait_for("network.listen", in_container(web, lambda event: event["network"]["src_port"] == PORT))
    served = ["python3", "-c", CLIENT, pod.pause.address(lab.network)]
    lab.new("client", BASE, [f"--network={lab.network}"], served).start().wait_stopped()

    shell = ingest.wait_for("process.exec", in_container(web, lambda event: args(event) == "sh -c sleep 0.29; true"))
    worker, first = shell["process"]["ancestors"]
    assert first["entity"] == master["process"]["entity"] == listens["process"]["entity"]
    assert worker["exe"] == first["exe"], "a fork runs what its parent does"
    assert (shell["process"]["uid"], missing(shell)) == (USER, {}), "what a worker starts can be read again"

    inbound = ingest.wait_for("network.flow", in_container(web, lambda event: event["network"]["src_port"] == PORT))
    assert (inbound["network"]["direction"], inbound["network"]["bytes_out"]) == ("inbound", 1000)
    assert inbound["network"]["owner_evidence"] == "recent", "concluded from who listens"
    outbound = ingest.wait_for("network.flow", lambda event: event["network"].get("dst_port") == ordinary_app.PORT)
    assert (outbound["network"]["dst"], outbound["network"]["bytes_in"]) == (address, 1000)
    assert outbound["network"]["hostname"] == f"server.{ZONE}"
    if "process" in outbound:  # its worker had only just started, on a slow machine
        found = outbound["process"]
        assert (found["entity"], outbound["network"]["owner_evidence"]) == (worker["entity"], "recent")
        assert (found["exe"], args(outbound)) == (worker["exe"], args(master))
        assert ("cwd" in found) != (missing(outbound).get("process.cwd") == "denied")
    else:
        assert missing(outbound)["process"] == "nobody readable holds the socket"
