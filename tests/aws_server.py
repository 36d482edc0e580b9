"""A stand-in for AWS on loopback: moto's server in a process of its own, which checks signatures and policies.

`python aws_server.py` is that process: it prints its port and lives until its standard input ends.
"""

import gzip
import json
import logging
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from shippers.record_facts import facts

REGION = "eu-central-1"
ACCOUNT = "123456789012"
STREAM, DELIVERY, QUEUE, BUCKET, LANDING = "events", "delivery", "events", "sensor-events", "landing"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Federated": "*"}, "Action": "sts:AssumeRoleWithWebIdentity"}],
}
PERMISSIONS = ("kinesis:PutRecords", "firehose:PutRecordBatch", "sqs:SendMessage*", "s3:PutObject")
"""What docs/destinations.md asks for; moto checks SendMessageBatch by its own name."""


class Keys(NamedTuple):
    """An access key of a user."""

    id: str
    secret: str


class AwsServer(NamedTuple):
    """Its address and who may use it: the sensor only what it needs, a reader all, a stranger nothing."""

    url: str
    sensor: Keys
    reader: Keys
    stranger: Keys
    queue_url: str
    fifo_url: str
    role_arn: str

    def client(self, service: str) -> Any:
        """A client of the reader."""
        return _client(service, self.url, self.reader)

    def environ(self, keys: Keys | None = None) -> dict[str, str]:
        """The environment of a sensor with these keys, the sensor's own by default."""
        keys = keys or self.sensor
        return {
            "AWS_ACCESS_KEY_ID": keys.id,
            "AWS_SECRET_ACCESS_KEY": keys.secret,
            "AWS_ENDPOINT_URL": self.url,
        }

    def check_after(self, count: int) -> None:
        """Take so many requests as they are, and check all after them."""
        plain = {"Content-Type": "text/plain"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/moto-api/reset-auth", str(count).encode(), plain, method="POST")
        ):
            return

    def empty(self) -> None:
        """Forget what was sent."""
        kinesis, sqs, s3 = (self.client(name) for name in ("kinesis", "sqs", "s3"))
        kinesis.delete_stream(StreamName=STREAM)
        kinesis.create_stream(StreamName=STREAM, ShardCount=2)
        for url in (self.queue_url, self.fifo_url):
            sqs.delete_queue(QueueUrl=url)
        _queues(sqs)
        for bucket in (BUCKET, LANDING):
            for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=found["Key"])


@contextmanager
def aws_server() -> Iterator[AwsServer]:
    """A server with a stream, a delivery stream, queues and buckets, for the length of a block."""
    process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield _furnished(url)
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
        _client.cache_clear()


def _furnished(url: str) -> AwsServer:
    anyone = Keys("AKIAANYONE", "x")
    iam, kinesis, firehose, sqs, s3 = (
        _client(name, url, anyone) for name in ("iam", "kinesis", "firehose", "sqs", "s3")
    )
    kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    for bucket in (BUCKET, LANDING):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    role = iam.create_role(RoleName="task", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="task", PolicyName="p", PolicyDocument=_policy(PERMISSIONS))
    firehose.create_delivery_stream(
        DeliveryStreamName=DELIVERY,
        ExtendedS3DestinationConfiguration={"RoleARN": role, "BucketARN": f"arn:aws:s3:::{LANDING}"},
    )
    server = AwsServer(
        url,
        _user(iam, "sensor", PERMISSIONS),
        _user(iam, "reader", ("*",)),
        _user(iam, "stranger", ()),
        *_queues(sqs),
        role,
    )
    server.check_after(0)
    return server


def _queues(sqs: Any) -> tuple[str, str]:
    """The addresses of the standard queue and of the FIFO one."""
    standard = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    fifo = sqs.create_queue(QueueName=f"{QUEUE}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    return standard, fifo


def _user(iam: Any, name: str, actions: tuple[str, ...]) -> Keys:
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=_policy(actions))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


def _policy(actions: tuple[str, ...]) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@cache
def _client(service: str, url: str, keys: Keys) -> Any:
    session = boto3.session.Session(keys.id, keys.secret, region_name=REGION)
    return session.client(service, endpoint_url=url, config=Config(proxies={}), verify=False)


def kinesis_records(server: AwsServer) -> list[bytes]:
    client = server.client("kinesis")
    shards = client.describe_stream(StreamName=STREAM)["StreamDescription"]["Shards"]
    found: list[bytes] = []
    for shard in shards:
        where = {"StreamName": STREAM, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        step = client.get_records(ShardIterator=client.get_shard_iterator(**where)["ShardIterator"])
        while step["Records"]:
            found += [record["Data"] for record in step["Records"]]
            step = client.get_records(ShardIterator=step["NextShardIterator"])
    return found


def objects(server: AwsServer, bucket: str) -> list[tuple[str, bytes]]:
    """Keys and bodies, in the order of the keys."""
    client = server.client("s3")
    keys = sorted(found["Key"] for found in client.list_objects_v2(Bucket=bucket).get("Contents", []))
    return [(key, client.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def s3_records(server: AwsServer) -> list[bytes]:
    return [line for _, body in objects(server, BUCKET) for line in gzip.decompress(body).splitlines()]


def firehose_records(server: AwsServer) -> list[bytes]:
    """Firehose promises no order; ours is in the records."""
    found = [line for _, body in objects(server, LANDING) for line in body.splitlines()]
    return sorted(found, key=lambda record: facts(record).seq)


def main() -> None:
    """Serve until nobody holds the other end of standard input."""
    from moto.server import ThreadedMotoServer  # slow, and only here

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
