"""Arguments that only look a little like secrets stay as they are, and no argument takes long."""

import time

import pytest

from sensor.enrich.masking import mask_args

ORDINARY: list[tuple[str, ...]] = [
    ("nginx", "-g", "daemon off;"),
    ("/bin/sh", "-c", "cp /bin/ls /tmp/x && /tmp/x && rm -f /tmp/x"),
    ("python", "-m", "http.server", "--bind", "127.0.0.1", "8080"),
    ("python", "-c", "import sys; print(sys.argv)"),
    ("java", "-Xmx512m", "-Djava.security.egd=file:/dev/./urandom", "-cp", "/lib/a.jar:/lib/b.jar", "org.example.Main"),
    ("node", "server.js", "--port=3000", "--max-tokens=100", "--tokenizer=bert"),
    ("gunicorn", "-w", "4", "-b", "0.0.0.0:8000", "--access-logfile=-", "app:app"),
    ("git", "commit", "-m", "Rotate the token before it expires"),
    ("git", "checkout", "6c74d36f0a5b1e2d3c4b5a69788796a5b4c3d2e1"),
    ("git", "clone", "ssh://git@git.example.org:22/team/repo.git"),
    ("git", "clone", "git@git.example.org:team/repo.git"),
    ("ssh", "-p", "22", "-o", "PasswordAuthentication=no", "-i", "/root/.ssh/id_ed25519", "me@h"),
    ("rsync", "-e", "ssh -p 2222", "-a", "src/", "me@h:dst/"),
    ("mkdir", "-p", "/var/lib/app"),
    ("docker", "run", "-p", "8080:80", "--name", "web", "registry.example.org/app-token:1.2"),
    ("docker", "compose", "-p", "shop", "up", "-d"),
    ("docker", "build", "--secret", "id=npmrc,src=.npmrc", "."),
    ("kubectl", "get", "secret", "app-token", "-o", "yaml"),
    ("aws", "secretsmanager", "get-secret-value", "--secret-id", "prod/db"),
    ("aws", "s3", "cp", "s3://bucket/a+b/c/d", "/tmp/x"),
    ("vault", "kv", "get", "-field=value", "secret/app"),
    ("ls", "-la", "/etc/passwd", "/run/secrets/db_password"),
    ("cat", "/run/secrets/token"),
    ("passwd", "root"),
    ("grep", "-rn", "password", "/etc"),
    ("psql", "-h", "db", "-p", "5432", "-U", "me", "shop"),
    ("mysql", "-h", "db", "-P", "3306", "-uroot", "-p", "shop"),
    ("pg_dump", "--no-password", "--username=me"),
    ("docker", "login", "--password-stdin", "-u", "me"),
    ("gh", "auth", "login", "--with-token", "--hostname", "h"),
    ("ansible-playbook", "--ask-pass", "site.yml", "--private-key", "~/.ssh/id_rsa"),
    ("certbot", "--private-key=/etc/tls/key.pem"),
    ("app", "--password-file=/run/secrets/pw", "--token-ttl=3600", "--tls-private-key-file=/k.pem"),
    ("env", "PASSWORD_FILE=/run/pw", "TOKEN_TTL=60", "PWD=/srv", "OLDPWD=/", "SECRET_NAME=db", "app"),
    ("app", "--bypass=true", "--compass=north", "--author=me", "--keyboard=de", "--monkey=x", "--password="),
    ("app", "--use-token=false", "--generate-token", "x"),
    ("sort", "-t", "=", "-k", "2", "--key=3"),
    ("curl", "-sS", "-o", "/dev/null", "-H", "Accept: application/json", "https://h:8443/p?x=1@2#f"),
    ("curl", "-kubernetes", "-fsSLo", "x", "-sHAccept: application/json", "-uX:", "h"),
    ("node", "-e", "f(token=>token.id); g(token => token)"),
    ("x", "token := os.Getenv(name)", "passwd:x:0:0", "password['a']"),
    ("zip", "-rq", "a.zip", "d"),
    ("sh", "-c", "app --token \\\n --verbose \\\n x; : -HCookie:x"),
    ("curl", "-b", "cookies.txt", "-u", "me", "https://h/"),
    ("ps", "-C", "mysql", "-o", "pid"),
    ("tar", "-xpf", "a.tar", "-C", "/"),
    ("unzip", "-o", "a.zip", "-d", "/tmp"),
    ("openssl", "req", "-passin", "file:/run/pw", "-new"),
    ("kube-apiserver", "--authorization-mode=RBAC,Node", "--service-account-key-file=/k"),
    ("sh", "-c", 'exec app --password="$DB_PASSWORD" --token=$(cat /run/token) "$@"'),
    ("sh", "-c", 'curl -H "Authorization: Bearer $TOKEN" postgres://me:${PGPASS}@db'),
    ("sh", "-c", 'TOKEN="$X" PASSWORD="$(cat "/run/pw")" app --token "$(vault kv get -field=value a/b)"'),
    ("sh", "-c", "test -n \"$TOKEN\" || echo 'no token given'"),
    ("sh", "-c", "while true; do date; sleep 1; done"),
    ("postgres: me shop [local] idle",),
    ("[kworker/0:1]",),
    ("",),
    (),
]  # fmt: skip

LENGTH = 128 * 1024
HOSTILE = {
    "blanks": "a " * LENGTH,
    "eyJ": "eyJ" * LENGTH,
    "dots": "eyJaaaaaaaa." * LENGTH,
    "urls": "://a:" * LENGTH,
    "ats": "://" + "a:@" * LENGTH,
    "quotes": "'password='\"" * LENGTH,
    "escaped quotes": '"\\"' * LENGTH,
    "backslashes": "\\" * LENGTH,
    "brackets": "(" * LENGTH,
    "begins": "-----BEGIN PRIVATE KEY " * LENGTH,
    "ends": "-----BEGIN PRIVATE KEY-----" * LENGTH,
    "assignments": "password= " * LENGTH,
    "equals": "a=" * LENGTH,
    "colons": "password : " * LENGTH,
    "options": "--password " * LENGTH,
    "programs": "curl -u a:b mysql -p " * LENGTH,
    "statements": "identified by " * LENGTH,
    "oracle": "jdbc:oracle:thin:a/" * LENGTH,
    "password calls": "set password for a = password('" * LENGTH,
    "ends of lines": "--token \\\n" * LENGTH,
    "identified with": "identified with " + "a" * LENGTH,
    "headers": "authorization:" * LENGTH,
    "headers with values": "cookie:a " * LENGTH,
    "cookies": "cookie:a" + ";a=a" * LENGTH,
    "x headers": "x-a" * LENGTH,
    "tokens": "ghp_" * LENGTH,
    "keys": "AKIAIOSFODNN7EXAMPLE " + "A/" * LENGTH,
    "signatures": "&sig=" * LENGTH,
    "nested": "'\"(;$`" * LENGTH,
    "name": "secret_" * LENGTH,
    "bearer": "bearer " * LENGTH,
    "given": "echo a | b -c " * LENGTH + "--password-stdin",
    "names for chpasswd": "chpasswd" + "a" * LENGTH + ":b",
    "given to chpasswd": "a:b | chpassw" * LENGTH,
    "counted": "htpasswd -n redis-cli auth sqlplus a/b " * LENGTH,
    "substitutions": 'token="$(' * LENGTH,
    "substitutions with blanks": 'token="$( ' * LENGTH,
}
SUFFIX = " password=x token private key ://"  # wakes the rules that a string's own text does not


@pytest.mark.parametrize("args", ORDINARY, ids=[" ".join(args)[:60] or "nothing" for args in ORDINARY])
def test_ordinary_arguments_stay_the_same_object(args: tuple[str, ...]) -> None:
    assert mask_args(args) is args


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("prefix", ["", "--x='"])
def test_the_longest_argument_of_the_kernel_takes_a_moment(kind: str, prefix: str) -> None:
    """Quadratic time would take minutes here; linear time takes less than 0.1 s (the kernel's limit is 128 KiB)."""
    text = prefix + HOSTILE[kind][: LENGTH - len(SUFFIX)] + SUFFIX
    before = time.process_time()
    mask_args(("sh", "-c", text))
    assert time.process_time() - before < 2.0
