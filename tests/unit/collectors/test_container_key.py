"""PID → container, by the forms that ECS, Docker, containerd and CRI use."""

import pytest

from collectors.container_key import RootMount, from_cgroup, pod_container_name, root_mount

HEX = "8d9a1a09bcf537492fbb093ce2db41991c8bb21f31eab8d9248d87b092bd9e35"
ECS = "34dc0b5e626f2c5c4c5170e34b10e765-1234567890"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"9:cpuset:/ecs/55091c13-b8cf-4801-b527-f4601742204d/{ECS}", ECS),
        (f"1:name=systemd:/ecs/34dc0b5e626f2c5c4c5170e34b10e765/{ECS}", ECS),
        (f"9:name=systemd:/docker/{HEX}", HEX),
        (f"11:memory:/kubepods/burstable/pod4eede96e-e976-4573-bc90-68dfe2516d3b/{HEX}", HEX),
        (f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-pod1_2.slice/cri-containerd-{HEX}.scope", HEX),
        (f"1:name=systemd:/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{HEX}", HEX),
        (f"0::/../{HEX}", HEX),
        (f"0::/docker/{'a' * 64}/docker/{HEX}", HEX),
        ("0::/", None),
        ("0::/user.slice/user-0.slice/session-1.scope", None),
        (f"0::/docker/{HEX}/system.slice", None),
    ],
)
def test_the_forms_of_cgroup_paths(line: str, found: str | None) -> None:
    assert from_cgroup(f"3:cpu:/\n{line}\n".encode()) == found


def test_the_ecs_id_is_preferred_over_another() -> None:
    assert from_cgroup(f"2:a:/x/{HEX}\n1:b:/ecs/{ECS}\n".encode()) == ECS


def test_garbage_names_no_container() -> None:
    assert from_cgroup(b"\xff\n\n::::\n/") is None


def test_the_topmost_root_mount_counts() -> None:
    raw = (
        b"1 0 254:0 / / rw - ext4 /dev/vda rw\n"
        b"72 48 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/a:/b\n"
        b"73 72 0:42 / /proc rw - proc proc rw\n"
        b"torn line\n"
    )
    assert root_mount(raw) == RootMount("0:39", "overlay")
    assert RootMount("0:39", "overlay").key == "root-0:39"
    assert root_mount(b"73 72 0:42 / /proc rw - proc proc rw\n") is None


@pytest.mark.parametrize(
    ("mount", "file_system", "writable"),
    [
        ("rw,relatime", "rw,lowerdir=/a:/b", True),
        ("ro,relatime", "rw,lowerdir=/a:/b", False),
        ("rw,relatime", "ro", False),
        ("rw,errors=remount-ro", "rw", True),
        ("rw master:2", "rw", True),
    ],
)
def test_mount_and_file_system_must_both_be_writable(mount: str, file_system: str, writable: bool) -> None:
    found = root_mount(f"72 48 0:39 / / {mount} - overlay overlay {file_system}\n".encode())
    assert found == RootMount("0:39", "overlay", writable)


def test_a_torn_root_mount_is_none_that_is_read_only() -> None:
    assert root_mount(b"72 48 0:39 / / ro\n") == RootMount("0:39", "", writable=False)
    assert root_mount(b"72 48 0:39 / /\n") is None


def test_a_pods_container_name_stands_in_its_termination_log() -> None:
    raw = (
        b"90 72 254:0 /var/lib/kubelet/pods/0a-1b/etc-hosts /etc/hosts rw - ext4 /dev/vda rw\n"
        b"91 72 254:0 /var/lib/kubelet/pods/0a-1b/containers/web\\040app/1234abcd /dev/termination-log rw - ext4 x rw\n"
    )
    assert pod_container_name(raw) == "web app"
    assert pod_container_name(b"90 72 254:0 / / rw - ext4 x rw\n") is None
