"""Each way in which a secret is known to stand in arguments, and what is left of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.enrich.masking import mask_args

AWS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"

CASES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    # options named after a secret
    (("app", "--password=hunter2"), ("app", "--password=***")),
    (("app", "--password", "hunter2", "--user", "x"), ("app", "--password", "***", "--user", "x")),
    (("app", "-password", "hunter2"), ("app", "-password", "***")),
    (("app", "--db-password=a b&c;d"), ("app", "--db-password=***")),
    (("app", "--token", "abc"), ("app", "--token", "***")),
    (("app", "--secret", "abc"), ("app", "--secret", "***")),
    (("app", "--api-key", "abc"), ("app", "--api-key", "***")),
    (("app", "--apiKey=abc"), ("app", "--apiKey=***")),
    (("app", "--clientSecret=abc"), ("app", "--clientSecret=***")),
    (("keytool", "-storepass", "abc", "-keypass", "def"), ("keytool", "-storepass", "***", "-keypass", "***")),
    (("java", "-Dspring.datasource.password=abc", "x"), ("java", "-Dspring.datasource.password=***", "x")),
    (("app", "--password2=abc"), ("app", "--password2=***")),
    (("app", "--password", "-x9Y_abc"), ("app", "--password", "***")),
    # variables
    (("env", "AWS_SECRET_ACCESS_KEY=" + AWS_KEY, "aws"), ("env", "AWS_SECRET_ACCESS_KEY=***", "aws")),
    (("env", "PGPASSWORD=abc", "psql"), ("env", "PGPASSWORD=***", "psql")),
    (("docker", "run", "-e", "DB_PASSWORD=a b", "x"), ("docker", "run", "-e", "DB_PASSWORD=***", "x")),
    (("docker", "run", "--env=MYSQL_PWD=abc", "x"), ("docker", "run", "--env=MYSQL_PWD=***", "x")),
    (("app", "SLACK_BOT_TOKEN=abc"), ("app", "SLACK_BOT_TOKEN=***")),
    (("app", "REDISCLI_AUTH=abc"), ("app", "REDISCLI_AUTH=***")),
    (("app", "SECRET_KEY_BASE=abc"), ("app", "SECRET_KEY_BASE=***")),
    (("helm", "--set", "auth.password=abc"), ("helm", "--set", "auth.password=***")),
    (("npm", "set", "//npm.example.org/:_authToken=abc"), ("npm", "set", "//npm.example.org/:_authToken=***")),
    (("aws", "set", "aws_secret_access_key", "abc"), ("aws", "set", "aws_secret_access_key", "***")),
    # programs with options of their own
    (("mysql", "-uroot", "-phunter2", "shop"), ("mysql", "-uroot", "-p***", "shop")),
    (("/usr/bin/mysqldump", "-phunter2"), ("/usr/bin/mysqldump", "-p***")),
    (("sshpass", "-p", "abc", "ssh", "-p", "22", "h"), ("sshpass", "-p", "***", "ssh", "-p", "22", "h")),
    (("sshpass", "-pabc", "scp", "-p", "a", "h:b"), ("sshpass", "-p***", "scp", "-p", "a", "h:b")),
    (("curl", "-u", "me:abc", "https://h/"), ("curl", "-u", "me:***", "https://h/")),
    (("curl", "-sSfu", "me:abc", "https://h/"), ("curl", "-sSfu", "me:***", "https://h/")),
    (("curl", "-ume:abc"), ("curl", "-ume:***")),
    (("curl", "--user=me:a:b"), ("curl", "--user=me:***")),
    (("curl", "-b", "session=abc"), ("curl", "-b", "***")),
    (("curl", "-H", "X-Api-Key:abc"), ("curl", "-H", "X-Api-Key:***")),
    (("sudo", "-u", "app", "curl", "-u", "me:abc"), ("sudo", "-u", "app", "curl", "-u", "me:***")),
    (("curl", "-sSume:abc", "h"), ("curl", "-sSume:***", "h")),
    (("curl", "-HAuthorization: Bearer abc"), ("curl", "-HAuthorization: Bearer ***")),
    (("curl", "-HCookie:a=b; session=abc"), ("curl", "-HCookie:***")),
    (("curl", "-sHAuthorization: Basic abc"), ("curl", "-sHAuthorization: Basic ***")),
    (("ldapsearch", "-xw", "abc"), ("ldapsearch", "-xw", "***")),
    (("zip", "-rP", "abc", "a.zip", "d"), ("zip", "-rP", "***", "a.zip", "d")),
    (("useradd", "-mp", "abc", "me"), ("useradd", "-mp", "***", "me")),
    (("etcdctl", "--user", "me:abc"), ("etcdctl", "--user", "me:***")),
    (("npm", "set", "//npm.example.org/:_authToken", "abc"), ("npm", "set", "//npm.example.org/:_authToken", "***")),
    (("redis-cli", "-a", "abc", "ping"), ("redis-cli", "-a", "***", "ping")),
    (("redis-cli", "config", "set", "requirepass", "abc"), ("redis-cli", "config", "set", "requirepass", "***")),
    (("mongosh", "-u", "me", "-p", "abc"), ("mongosh", "-u", "me", "-p", "***")),
    (("docker", "login", "-u", "me", "-p", "abc"), ("docker", "login", "-u", "me", "-p", "***")),
    (("smbclient", "-U", "me%abc", "//h/s"), ("smbclient", "-U", "me%***", "//h/s")),
    (("openssl", "rsa", "-passin", "pass:abc"), ("openssl", "rsa", "-passin", "pass:***")),
    (("7z", "x", "-pabc", "a.7z"), ("7z", "x", "-p***", "a.7z")),
    (("ldapsearch", "-D", "cn=x", "-w", "abc"), ("ldapsearch", "-D", "cn=x", "-w", "***")),
    # headers
    (("x", "-H", f"Authorization: Bearer {JWT}"), ("x", "-H", "Authorization: Bearer ***")),
    (("x", "authorization:basic bWU6YWJj"), ("x", "authorization:basic ***")),
    (("x", "Authorization: abc"), ("x", "Authorization: ***")),
    (
        ("x", "Authorization: AWS4-HMAC-SHA256 Credential=A/b, Signature=abc"),
        ("x", "Authorization: ***"),
    ),
    (("x", "Cookie: a=b; session=abc"), ("x", "Cookie: ***")),
    (("curl", "-H", "Cookie:a=b; session=abc"), ("curl", "-H", "Cookie:***")),
    (("curl", "--header=Cookie:a=b; session=abc"), ("curl", "--header=Cookie:***")),
    (("sh", "-c", "curl -H 'Cookie: a=b; session=abc' h"), ("sh", "-c", "curl -H 'Cookie: ***' h")),
    (("sh", "-c", 'echo "GET / Cookie:a=b; c d|e"'), ("sh", "-c", 'echo "GET / Cookie:***"')),
    (("sh", "-c", "nc h 80 <<X\nCookie: a|b; c d\nX"), ("sh", "-c", "nc h 80 <<X\nCookie: ***\nX")),
    (("sh", "-c", "# don't\necho 'set Cookie: a|b'"), ("sh", "-c", "# don't\necho 'set Cookie: ***'")),
    (("sh", "-c", 'x "$(y "set Cookie: a|b $(z)")"'), ("sh", "-c", 'x "$(y "set Cookie: ***")"')),
    # headers that a shell reads without quotes
    (("sh", "-c", ": cookie:abc; id >/srv/x"), ("sh", "-c", ": cookie:***; id >/srv/x")),
    (("sh", "-c", "http h Cookie:a=b && id"), ("sh", "-c", "http h Cookie:***&& id")),
    (("sh", "-c", "curl -H Cookie: a=b; c=d; id"), ("sh", "-c", "curl -H Cookie: ***; id")),
    (("sh", "-c", r"curl -H Cookie:a=b\;\ c=d; id"), ("sh", "-c", "curl -H Cookie:***; id")),
    (("sh", "-c", "curl -H Authorization:Basic abc|id"), ("sh", "-c", "curl -H Authorization:Basic ***|id")),
    (("sh", "-c", "curl -H X-Api-Key:abc|sh"), ("sh", "-c", "curl -H X-Api-Key:***|sh")),
    (("x", "X-Vault-Token: abc"), ("x", "X-Vault-Token: ***")),
    (("x", "use bearer abcdefghijklmnopqrstuvwxyz"), ("x", "use bearer ***")),
    # addresses
    (("psql", "postgres://me:abc@db:5432/shop"), ("psql", "postgres://me:***@db:5432/shop")),
    (("x", "redis://:abc@cache"), ("x", "redis://:***@cache")),
    (("x", "amqp://me:a@b@mq"), ("x", "amqp://me:***@mq")),
    (("x", "postgres://me:$ecret@db"), ("x", "postgres://me:***@db")),
    (("x", "https://h/?access_token=abc&page=2"), ("x", "https://h/?access_token=***&page=2")),
    (("x", "https://b.s3.example.org/k?X-Amz-Signature=abc&x=1"), ("x", "https://b.s3.example.org/k?X-Amz-Signature=***&x=1")),
    (("x", "Server=h;Password=abc;Database=d"), ("x", "Server=h;Password=***;Database=d")),
    # documents and statements
    (("x", '{"password":"abc","n":1}'), ("x", '{"password":"***","n":1}')),
    (("x", '{"api_key": "a\\"b", "n": 1}'), ("x", '{"api_key": "***", "n": 1}')),
    (("x", "{'token': 'abc'}"), ("x", "{'token': '***'}")),
    (("python", "-c", "os.environ['DB_PASSWORD']='abc'"), ("python", "-c", "os.environ['DB_PASSWORD']='***'")),
    (("php", "-r", "$c = ['password' => 'abc'];"), ("php", "-r", "$c = ['password' => '***'];")),
    (("ruby", "-e", 'x(:token=>"abc")'), ("ruby", "-e", 'x(:token=>"***")')),
    (("node", "-e", "c({password:'abc',n:1})"), ("node", "-e", "c({password:'***',n:1})")),
    (("x", 'token := "abc"'), ("x", 'token := "***"')),
    (("x", "password: abc"), ("x", "password: ***")),
    (("mysql", "-e", "CREATE USER u IDENTIFIED BY 'abc'"), ("mysql", "-e", "CREATE USER u IDENTIFIED BY '***'")),
    (("x", "SET PASSWORD FOR 'u'@'h' = PASSWORD('abc')"), ("x", "SET PASSWORD FOR 'u'@'h' = PASSWORD('***')")),
    (("mysql", "-e", "SET PASSWORD FOR u='abc'"), ("mysql", "-e", "SET PASSWORD FOR u='***'")),
    (("mysql", "-e", "SET PASSWORD = PASSWORD('abc')"), ("mysql", "-e", "SET PASSWORD = ***'***')")),
    (("x", "jdbc:oracle:thin:me/abc@db:1521/s"), ("x", "jdbc:oracle:thin:me/***@db:1521/s")),
    # shapes
    (("x", f"AKIAIOSFODNN7EXAMPLE:{AWS_KEY}"), ("x", "AKIAIOSFODNN7EXAMPLE:***")),
    (("x", "AKIAIOSFODNN7EXAMPLE", AWS_KEY), ("x", "AKIAIOSFODNN7EXAMPLE", "***")),
    (("x", JWT), ("x", "eyJ***")),
    (("x", PEM), ("x", "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----")),
    (("x", PEM[:60]), ("x", "-----BEGIN RSA PRIVATE KEY-----***")),
    (("x", "ghp_" + "a1" * 18), ("x", "ghp_***")),
    (("x", "github_pat_" + "a1" * 30), ("x", "github_pat_***")),
    (("x", "xoxb-1234567890-abc"), ("x", "xoxb-***")),
    # command lines in one string
    (("sh", "-c", "mysql -uroot -phunter2 shop && ls"), ("sh", "-c", "mysql -uroot -p*** shop && ls")),
    (("sh", "-c", "exec app --token abc --x"), ("sh", "-c", "exec app --token *** --x")),
    (("sh", "-c", "PGPASSWORD=abc psql -p 5432"), ("sh", "-c", "PGPASSWORD=*** psql -p 5432")),
    (("sh", "-c", "app --password 'a b' x"), ("sh", "-c", "app --password '***' x")),
    (("sh", "-c", "curl -u 'me:abc' 'https://h/?a=b'"), ("sh", "-c", "curl -u 'me:***' 'https://h/?a=b'")),
    (("sh", "-c", r'curl -d "{\"password\":\"abc\"}" h'), ("sh", "-c", r'curl -d "{\"password\":\"***\"}" h')),
    (("bash", "-lc", r'sh -c "mysql -u \"me\" -pabc"'), ("bash", "-lc", r'sh -c "mysql -u \"me\" -p***"')),
    (("ssh", "h", "A='mysql -phunter2 shop'; $A"), ("ssh", "h", "A='mysql -p*** shop'; $A")),
    (("app", "--command=mysql -phunter2 shop"), ("app", "--command=mysql -p*** shop")),
    (("sh", "-c", "app --password \\\n  abc"), ("sh", "-c", "app --password \\\n  ***")),
    (("sh", "-c", "curl -u \\\n\\\n me:abc h"), ("sh", "-c", "curl -u \\\n\\\n me:*** h")),
    (("sh", "-c", "mysql -uroot \\\n -pabc \\\n shop"), ("sh", "-c", "mysql -uroot \\\n -p*** \\\n shop")),
    (("sh", "-c", "curl -HCookie:abc; id"), ("sh", "-c", "curl -HCookie:***; id")),
    # commands whose output is a secret
    (("sh", "-c", 'OUT="$(curl -u me:abc h)"'), ("sh", "-c", 'OUT="$(curl -u me:*** h)"')),
    (("sh", "-c", "TOKEN=$(curl -u me:abc h)"), ("sh", "-c", "TOKEN=$(curl -u me:*** h)")),
    (("sh", "-c", 'TOKEN="$(curl -u me:abc h)"'), ("sh", "-c", 'TOKEN="$(curl -u me:*** h)"')),
    (("sh", "-c", 'export TOKEN="$(curl -u me:abc h)"'), ("sh", "-c", 'export TOKEN="$(curl -u me:*** h)"')),
    (("sh", "-c", 'TOKEN="`curl -u me:abc h`"'), ("sh", "-c", 'TOKEN="`curl -u me:*** h`"')),
    (("sh", "-c", 'PASSWORD="$(mysql -uroot -pabc x)"'), ("sh", "-c", 'PASSWORD="$(mysql -uroot -p*** x)"')),
    (("sh", "-c", 'DB_PASSWORD="$(app --token abc x)"'), ("sh", "-c", 'DB_PASSWORD="$(app --token *** x)"')),
    (("sh", "-c", 'app --token "$(curl -u me:abc h)"'), ("sh", "-c", 'app --token "$(curl -u me:*** h)"')),
    (("sh", "-c", 'app --token="$(curl -u me:abc h)"'), ("sh", "-c", 'app --token="$(curl -u me:*** h)"')),
    (
        ("sh", "-c", 'curl -H "Authorization: Bearer $(curl -u me:abc h)" x'),
        ("sh", "-c", 'curl -H "Authorization: Bearer $(curl -u me:*** h)" x'),
    ),
    (("sh", "-c", "TOKEN=\"$(curl -d 'password: abc' h)\""), ("sh", "-c", "TOKEN=\"$(curl -d 'password: ***' h)\"")),
    (("sh", "-c", 'OUT="$(curl -u "me:abc" h)"; id'), ("sh", "-c", 'OUT="$(curl -u "me:***" h)"; id')),
    (("sh", "-c", 'TOKEN="$(curl -u "me:abc" "$U")"'), ("sh", "-c", 'TOKEN="$(curl -u "me:***" "$U")"')),
    (("sh", "-c", 'echo "$A $(app --token "abc") $B"'), ("sh", "-c", 'echo "$A $(app --token "***") $B"')),
    (("app", "--token", "$(curl -u me:abc h)"), ("app", "--token", "$(curl -u me:*** h)")),
]  # fmt: skip


@pytest.mark.parametrize(("args", "expected"), CASES, ids=[" ".join(args)[:60] for args, _ in CASES])
def test_the_secret_goes_and_the_shape_stays(args: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert mask_args(args) == expected


@pytest.mark.parametrize("args", [expected for _, expected in CASES], ids=[" ".join(args)[:60] for args, _ in CASES])
def test_what_is_masked_is_not_masked_again(args: tuple[str, ...]) -> None:
    assert mask_args(args) == args


SHAPES = [
    ("app", "--password={}"),
    ("app", "--auth-token", "{}"),
    ("env", "DB_PASSWORD={}", "app"),
    ("mysql", "-p{}"),
    ("curl", "-u", "me:{}", "https://h/"),
    ("app", "postgres://me:{}@db/x"),
    ("app", '{{"password":"{}"}}'),
    ("app", "-H", "Authorization: Bearer {}"),
    ("sh", "-c", "app --password {} && ls"),
    ("sh", "-c", "mysql -p{} shop; ls"),
    ("sh", "-c", "sh -c 'PGPASSWORD={} psql'"),
]


@given(st.sampled_from(SHAPES), st.text("abcdefXYZ0123456789_.+-", min_size=6))
def test_whatever_the_secret_is_nothing_of_it_stays(shape: tuple[str, ...], random: str) -> None:
    secret = f"S{random}S"
    assert secret not in "\0".join(mask_args(tuple(part.format(secret) for part in shape)))


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=6))
def test_any_arguments_keep_their_number_and_are_masked_the_same_each_time(args: list[str]) -> None:
    masked = mask_args(tuple(args))
    assert len(masked) == len(args)
    assert mask_args(tuple(args)) == masked
