"""Secrets that the place among a program's operands tells of, an option of one of its commands, or standard input."""

import shlex

import pytest

from sensor.enrich.masking import mask_args

SECRET = "abc"

LINES = [
    "htpasswd -bc /f me abc",
    "htpasswd -nb me abc",
    "htpasswd -n -n -n -b me abc",
    "htpasswd -nbBC 10 me abc",
    "htpasswd -B -C 10 -b /f mysql abc",
    "redis-cli -h db AUTH abc",
    "mysqladmin -u root password abc",
    "rabbitmqctl add_user me abc --vhost x",
    "openssl passwd -6 -salt xy abc",
    "vault operator unseal abc",
    "mc alias set s3 http://s3 id abc --api s3v4",
    "sh -c 'htpasswd -b /f me abc >/dev/null; id x'",
    "sqlplus -s me/abc@//db:1521/x @f.sql a/b",
    "sqlldr userid=me/abc@db control=x",
    "rman target sys/abc@db",
    "mysqlsh me:abc@db:3306 --sql",
    "aws configure set profile.a.aws_session_token abc",
    "aws ssm put-parameter --name a --value abc",
    "aws secretsmanager create-secret --name a --secret-string abc",
    "kubectl create secret generic a --from-literal=k=abc",
    "npm config set _authToken abc",
    "docker login -u me -p abc",
    "curl -x me:abc@proxy:3128 h",
    "curl --cert /c.pem:abc h",
    "curl -H 'X-Auth: abc' h",
    "ssh-keygen -f k -N abc",
    "ab -A me:abc h",
    "hey -a me:abc h",
    "openssl dgst -hmac abc f",
    "openssl mac -macopt hexkey:abc HMAC",
    "twine upload -u me -p abc",
    "sh -c 'echo root:abc | chpasswd'",
    "sh -c 'echo \"me:abc\" | sudo /usr/sbin/chpasswd'",
    "sh -c 'echo abc | docker login -u me --password-stdin h'",
    "sh -c 'echo -n \"abc\" | sudo -S id'",
]

ORDINARY = [
    "grep requirepass /etc/redis/redis.conf",
    "htpasswd -c /etc/nginx/.htpasswd me",
    "htpasswd -n me",
    "sh -c 'htpasswd -b /f me > x; htpasswd -n me'",
    "redis-cli -h db get password",
    "sqlplus / as sysdba @x.sql data/dir",
    "sqlplus -s /nolog @a/b.sql c/d",
    "rman target /",
    "mysqlsh root@localhost:3306 --sql",
    "openssl passwd -6 -in /run/pw",
    "openssl x509 -in passwd.pem -noout -text",
    "openssl mac -macopt digest:SHA256 -in f HMAC",
    "curl -x http://proxy:3128 -E /c.pem --key /k.pem h",
    "curl --proxy proxy:3128 -E 'pkcs11:object=web;type=cert' h",
    "kubectl create configmap a --from-literal=k=v",
    "kubectl create secret generic a --from-file=k=/f",
    "aws ssm get-parameter --name /app/db --with-decryption",
    "aws ce get-cost --value x",
    "ssh-keygen -t ed25519 -N '' -f /k",
    "rabbitmqctl list_users -q",
    "mc ls s3/bucket/a b c",
    'sh -c \'echo "$PW" | docker login -u me --password-stdin h; echo "root:$PW" | chpasswd\'',
    "sh -c 'echo done | tee /log; docker login --password-stdin < /f; chpasswd < /f'",
]


@pytest.mark.parametrize("line", LINES)
def test_the_secret_goes_and_the_rest_stays(line: str) -> None:
    args = tuple(shlex.split(line))

    masked = mask_args(args)

    assert masked == tuple(word.replace(SECRET, "***") for word in args)
    assert mask_args(masked) == masked


@pytest.mark.parametrize("line", ORDINARY)
def test_what_has_none_stays(line: str) -> None:
    args = tuple(shlex.split(line))

    assert mask_args(args) is args


def test_of_two_operands_that_may_be_it_both_go() -> None:
    assert mask_args(("redis-cli", "AUTH", "me", "abc", "x")) == ("redis-cli", "AUTH", "***", "***", "x")
