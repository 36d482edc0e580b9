"""Where addresses lie, and which are endpoints that people look out for."""

import socket

import pytest

from collectors.address_marks import endpoint, scope
from collectors.inet_diag import address_bytes


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("0.0.0.0", None),
        ("127.3.2.1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.15.255.255", "public"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.1", "public"),
        ("192.168.1.1", "private"),
        ("100.63.255.255", "public"),
        ("100.64.0.1", "private"),
        ("100.128.0.1", "public"),
        ("169.254.170.2", "link_local"),
        ("224.0.0.1", "multicast"),
        ("8.8.8.8", "public"),
        ("::", None),
        ("::1", "loopback"),
        ("fe80::1", "link_local"),
        ("fd00:ec2::254", "private"),
        ("fc00::1", "private"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "public"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:8.8.8.8", "public"),
    ],
)
def test_scope(address: str, expected: str | None) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    assert scope(family, address_bytes(address)) == expected


@pytest.mark.parametrize(
    ("address", "mark"),
    [
        ("169.254.170.2", "task_metadata"),
        ("169.254.170.23", "pod_identity"),
        ("fd00:ec2::23", "pod_identity"),
        ("169.254.169.254", "instance_metadata"),
        ("fd00:ec2::254", "instance_metadata"),
        ("169.254.169.253", None),
        ("10.0.0.2", None),
    ],
)
def test_endpoints(address: str, mark: str | None) -> None:
    assert endpoint(address_bytes(address)) == mark
