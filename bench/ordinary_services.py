"""Twelve services as people run them: packages of Debian, an entrypoint, a health check, and some load.

An image is the base with packages and a few files. The load is a script for a second container of the task, of the same
image, which reaches the service over the loopback.
"""

from collections.abc import Mapping
from typing import NamedTuple

PAGES = """
import sys, time, urllib.request
for turn in range(200):
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5).read()
    except OSError as error:
        print(error, flush=True)
    time.sleep(0.05)
"""
GET = "/usr/local/bin/python3 /load.py http://127.0.0.1:{}"


class Service(NamedTuple):
    """`files` by their path, those below /usr/local/bin and /entry.sh with the right to run; `build` are shell lines.

    `seconds` is how long it lives under load.
    """

    packages: str
    command: tuple[str, ...]
    health: str
    load: str
    files: Mapping[str, str] = {}
    build: str = "true"
    seconds: int = 15


NGINX = """
worker_processes 2;
events {}
http {
  access_log /var/log/nginx/access.log;
  server { listen 80; root /var/www/html; location /health { return 200 ok; } }
}
"""
LOOPBACK_PROXY = """
worker_processes 1;
events {}
http { server { listen 15001; location / { proxy_pass http://127.0.0.1:8080; } } }
"""
HAPROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
frontend web
  bind :8080
  default_backend app
backend app
  option httpchk GET /
  server one 127.0.0.1:8000 check
"""
BEHIND = """#!/bin/sh
python3 -m http.server --directory /srv --bind 127.0.0.1 {port} >/dev/null 2>&1 &
exec "$@"
"""
APACHE = """#!/bin/bash
set -e
/usr/sbin/php-fpm8.4 --daemonize
. /etc/apache2/envvars
exec apache2ctl -D FOREGROUND
"""
PAGE = "<?php session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo date('c'), ' ', phpversion();\n"

POSTGRES = """#!/bin/bash
set -e
bin=/usr/lib/postgresql/17/bin
if [ "$(id -u)" = 0 ]; then
  mkdir -p /data && chown postgres:postgres /data && chmod 700 /data
  exec gosu postgres "$0" "$@"
fi
if [ ! -s /data/PG_VERSION ]; then
  $bin/initdb -D /data --auth=trust >/dev/null
  $bin/pg_ctl -D /data -o "-c listen_addresses='' -c unix_socket_directories=/tmp" -w start
  psql -h /tmp -d postgres -c 'create database app'
  for file in /docker-entrypoint-initdb.d/*.sql; do psql -h /tmp -d app -f "$file"; done
  $bin/pg_ctl -D /data -m fast -w stop
fi
exec $bin/postgres -D /data -c unix_socket_directories=/tmp
"""
REDIS = """#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
  find /var/lib/redis \\! -user redis -exec chown redis '{}' +
  exec gosu redis "$0" "$@"
fi
umask 0077
exec redis-server --dir /var/lib/redis --save 5 1 --protected-mode no
"""
RABBIT = """#!/bin/bash
set -e
chown -R rabbitmq:rabbitmq /var/lib/rabbitmq
exec rabbitmq-server
"""
AMQP = """
import socket, time
for turn in range(30):
    try:
        with socket.create_connection(("127.0.0.1", 5672), 5) as connection:
            connection.sendall(b"AMQP\\0\\0\\x09\\x01")
            connection.recv(4096)
    except OSError as error:
        print(error, flush=True)
    time.sleep(1)
"""
FLASK = """
import sqlite3, flask
app = flask.Flask(__name__)
@app.get("/")
def page():
    with sqlite3.connect("/srv/app.db") as store:
        store.execute("insert into visits default values")
        return str(store.execute("select count(*) from visits").fetchone()[0])
"""
FLASK_ENTRY = """#!/bin/sh
set -e
cd /srv
/usr/bin/python3 -c 'import sqlite3; sqlite3.connect("app.db").execute("create table visits (id integer primary key)")'
exec gunicorn --workers 2 --bind 0.0.0.0:8000 --worker-tmp-dir /dev/shm app:app
"""
NODE = """
const cluster = require("cluster"), http = require("http"), fs = require("fs");
if (cluster.isPrimary) {
  for (let n = 0; n < 2; n++) cluster.fork();
  process.on("SIGTERM", () => process.exit(0));
} else {
  http.createServer((_, answer) => fs.readFile("/etc/hostname", (_, text) => answer.end(text))).listen(3000);
}
"""
TOMCAT = """#!/bin/bash
set -e
mkdir -p /var/lib/tomcat10/logs /tmp/tomcat
export CATALINA_HOME=/usr/share/tomcat10 CATALINA_BASE=/var/lib/tomcat10 CATALINA_TMPDIR=/tmp/tomcat
exec /usr/share/tomcat10/bin/catalina.sh run
"""
WAR = (
    "import zipfile; w = zipfile.ZipFile('/var/lib/tomcat10/webapps/shop.war', 'w');"
    " [w.write('/var/lib/tomcat10/webapps/ROOT/index.jsp', name) for name in ('index.jsp', 'cart.jsp', 'pay.jsp')]"
)
CRON_JOB = "* * * * * root /usr/local/bin/report >/var/log/report.log 2>&1\n* * * * * daemon date >/dev/null\n"
REPORT = """#!/bin/sh
df -h / | tail -n 1
find /var/log -name '*.gz' -mtime +7 -delete
tar -czf /var/tmp/etc.tar.gz -C / etc/hostname
"""
MIGRATING = """#!/bin/bash
# waits for what it needs, makes its configuration, migrates, then becomes its user
set -euo pipefail
until (exec 3<>"/dev/tcp/$NEEDS_HOST/$NEEDS_PORT") 2>/dev/null; do sleep 0.5; done
nc -z "$NEEDS_HOST" "$NEEDS_PORT"
if [ "$(id -u)" = 0 ]; then
  sed "s/@PORT@/8000/" /srv/settings.template >/srv/settings.ini
  chown -R www-data:www-data /srv
  exec setpriv --reuid=www-data --regid=www-data --clear-groups "$0" "$@"
fi
for step in /srv/migrations/*.sql; do sqlite3 /srv/app.db <"$step"; done
curl -fsS --retry 2 "http://$NEEDS_HOST:$NEEDS_PORT/healthz" >/dev/null || true
exec "$@"
"""

SERVICES: Mapping[str, Service] = {
    "nginx": Service(
        "nginx curl",
        ("nginx", "-g", "daemon off;"),
        "curl -fsS http://localhost/health || exit 1",
        GET.format("80/"),
        {"/etc/nginx/nginx.conf": NGINX},
    ),
    "apache with php-fpm": Service(
        "apache2 php-fpm curl",
        ("/entry.sh",),
        "curl -fsS http://localhost/index.php || exit 1",
        GET.format("80/index.php"),
        {"/entry.sh": APACHE, "/var/www/html/index.php": PAGE},
        "a2enmod -q proxy_fcgi setenvif && a2enconf -q php8.4-fpm && mkdir -p /run/php",
    ),
    "postgresql": Service(
        "postgresql gosu",
        ("/entry.sh",),
        "pg_isready -h /tmp",
        "for i in $(seq 30); do psql -h 127.0.0.1 -U postgres -d app -c 'select count(*) from t'; sleep 0.3; done",
        {
            "/entry.sh": POSTGRES,
            "/docker-entrypoint-initdb.d/1.sql": "create table t (n int); insert into t values (1);",
        },
        seconds=20,
    ),
    "redis": Service(
        "redis-server redis-tools gosu",
        ("/entry.sh",),
        "redis-cli ping | grep -q PONG",
        "sleep 2; redis-benchmark -q -n 2000 -c 10",
        {"/entry.sh": REDIS},
    ),
    "rabbitmq": Service(
        "rabbitmq-server",
        ("/entry.sh",),
        "rabbitmq-diagnostics -q ping",
        "/usr/local/bin/python3 /amqp.py",
        {"/entry.sh": RABBIT, "/amqp.py": AMQP},
        seconds=30,
    ),
    "haproxy": Service(
        "haproxy curl",
        ("/entry.sh", "haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"),
        "curl -fsS http://localhost:8080/ >/dev/null || exit 1",
        GET.format("8080/"),
        {"/etc/haproxy/haproxy.cfg": HAPROXY, "/entry.sh": BEHIND.format(port=8000)},
    ),
    "a Python web application": Service(
        "gunicorn python3-flask",
        ("/entry.sh",),
        "/usr/bin/python3 -c 'import urllib.request as u; u.urlopen(\"http://localhost:8000\", timeout=2)'",
        GET.format("8000/"),
        {"/entry.sh": FLASK_ENTRY, "/srv/app.py": FLASK},
    ),
    "a Node web application": Service(
        "nodejs",
        ("node", "/srv/server.js"),
        "node -e 'fetch(\"http://localhost:3000\").then(r => process.exit(r.ok ? 0 : 1))'",
        GET.format("3000/"),
        {"/srv/server.js": NODE},
    ),
    "a Java web application": Service(
        "tomcat10 curl",
        ("/entry.sh",),
        "curl -fsS http://localhost:8080/index.jsp >/dev/null || exit 1",
        GET.format("8080/shop/cart.jsp"),
        {"/entry.sh": TOMCAT, "/var/lib/tomcat10/webapps/ROOT/index.jsp": "<%= new java.util.Date() %>\n"},
        f'python3 -c "{WAR}"',
        seconds=35,
    ),
    "cron": Service(
        "cron",
        ("cron", "-f"),
        "test -s /var/run/crond.pid",
        "true",
        {"/etc/cron.d/app": CRON_JOB, "/usr/local/bin/report": REPORT},
        seconds=75,
    ),
    "a shell entrypoint with migrations": Service(
        "sqlite3 netcat-openbsd curl",
        ("/entry.sh", "python3", "-m", "http.server", "8000"),
        "curl -fsS http://localhost:8000/ >/dev/null || exit 1",
        GET.format("8000/"),
        {
            "/entry.sh": MIGRATING,
            "/srv/settings.template": "port = @PORT@\n",
            "/srv/migrations/1.sql": "create table visits (id integer primary key);\n",
        },
    ),
    "a proxy on the loopback": Service(
        "nginx curl",
        ("/entry.sh", "nginx", "-g", "daemon off;"),
        "curl -fsS http://localhost:15001/ >/dev/null || exit 1",
        GET.format("15001/"),
        {"/etc/nginx/nginx.conf": LOOPBACK_PROXY, "/entry.sh": BEHIND.format(port=8080)},
    ),
}
"""By the name that the report gives them."""
