"""Three ordinary services of a task: a web server with a health check, a worker with jobs, a cache with snapshots."""

from docker_cli import BASE, Container
from fargate_task import FargateTask
from lab import Lab

HEALTH = "python3 -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)\""

WEB = """
import http.server, pathlib, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/srv/access.log", "a") as log:
            log.write(self.path + "\\n")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 2000)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""

WORKER = """
import itertools, os, subprocess, sys, time, urllib.request
os.makedirs("/srv/jobs", exist_ok=True)
for number in itertools.count():
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
        body = answer.read()
    with open(f"/srv/jobs/{number}.tmp", "wb") as file:
        file.write(body)
    subprocess.run(["gzip", "-kf", f"/srv/jobs/{number}.tmp"], check=True)
    os.rename(f"/srv/jobs/{number}.tmp", f"/srv/jobs/{number}.done")
    if number % 30 == 0:
        subprocess.run(["sh", "-c", "find /srv/jobs -name '*.done' -mmin +1 -delete; df -h / | tail -1"], stdout=-3)
    time.sleep(float(sys.argv[2]))
"""

CACHE = """
import os, socket, threading, time
def snapshots():
    while True:
        with open("/etc/cache.tmp", "wb") as file:
            file.write(os.urandom(4096))
        os.replace("/etc/cache.tmp", "/etc/cache.rdb")
        time.sleep(60)
threading.Thread(target=snapshots, daemon=True).start()
server = socket.create_server(("", 6379))
while True:
    connection, _ = server.accept()
    connection.close()
"""


def start(lab: Lab, task: FargateTask, seconds_a_job: float = 2.0) -> list[Container]:
    """Start all three; the worker calls another service, the ingest's health page, for each of its jobs."""
    check = [f"--health-cmd={HEALTH}", "--health-interval=10s"]
    web = lab.new("web", BASE, [*task.shared, *check], ["python3", "-c", WEB])
    peer = f"{lab.ingest.url}/healthz"
    worker = lab.new("worker", BASE, task.shared, ["python3", "-c", WORKER, peer, str(seconds_a_job)])
    cache = lab.new("cache", BASE, task.shared, ["python3", "-c", CACHE])
    return [container.start() for container in (web, worker, cache)]
