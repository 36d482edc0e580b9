"""Whether arguments name a file."""

import pytest

from collectors.actor_arguments import names_file
from sensor.model.events import Process


def named(*args: str, path: str = "/etc/passwd", cwd: str | None = "/root", opened: bool = False) -> bool:
    return names_file(Process("entity", 7, args=args, cwd=cwd), path, opened=opened)


@pytest.mark.parametrize(
    "args",
    [
        ("vi", "/etc/passwd"),
        ("vi", "/etc//x/../passwd"),
        ("vi", "../etc/passwd"),
        ("dd", "of=/etc/passwd"),
        ("sort", "--output=/etc/passwd"),
        ("sh", "-c", "echo evil>>/etc/passwd"),
        ("sh", "-c", 'echo evil >> "/etc/passwd"; true'),
        ("python3", "-c", "open('/etc/passwd', 'a')"),
        ("cp", "/tmp/passwd", "/etc/"),
        ("mv", "/tmp/passwd", "/etc"),
        ("rm", "-rf", "/etc"),
        ("chown", "-R", "app", "/etc"),
        ("rsync", "-a", "/backup/etc/", "/etc/passwd"),
        ("rsync", "-at", "/backup/passwd", "/etc"),
        ("cp", "-t", "/etc", "/tmp/passwd"),
        ("cp", "--target-directory=/etc", "/tmp/passwd"),
        ("tar", "xf", "/tmp/x.tar", "-C", "/etc"),
        ("tar", "--extract", "--file", "-", "--directory=/etc"),
        ("tar", "-czf", "/etc/passwd", "/srv"),
        ("tar", "-c", "--file=/etc/passwd", "/srv"),
        ("tar", "c", "-f", "/x.tar", "--remove-files", "/etc"),
    ],
)
def test_arguments_that_name_a_file(args: tuple[str, ...]) -> None:
    assert named(*args)


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("/etc/passwd",),
        ("vi", "/etc/passwd-"),
        ("vi", "/etc/passwd.d/x"),
        ("vi", "passwd"),
        ("sh", "-c", "echo >> /etc/passwd2"),
        ("sh", "-c", "echo >> /chroot/etc/passwd"),
        ("cp", "/tmp/group", "/etc/"),
        ("app", "/etc"),
        ("rm", "-rf", "/"),
        ("cat", "/etc/passwd"),
        ("grep", "root", "/etc/passwd"),
        ("cp", "/etc/passwd", "/srv/"),
        ("cp", "-t", "/srv", "/etc/passwd"),
        ("scp", "host:/etc/passwd", "/srv/passwd"),
        ("rsync", "-a", "--delete", "/etc/", "/srv/etc/"),
        ("tar", "czf", "/srv/etc.tgz", "/etc"),
        ("tar", "--create", "--file", "-", "/etc/passwd"),
        ("tar", "tf", "/srv/x.tar", "/etc/passwd"),
        ("tar",),
    ],
)
def test_arguments_that_do_not(args: tuple[str, ...]) -> None:
    assert not named(*args)


def test_a_reader_may_have_opened_what_it_names() -> None:
    assert named("cat", "/etc/shadow", path="/etc/shadow", opened=True)


def test_a_relative_name_is_taken_from_the_working_directory() -> None:
    assert named("vi", "passwd", cwd="/etc")
    assert not named("vi", "passwd", cwd=None)
    assert named("vi", "etc/passwd", cwd=None)


def test_what_copies_or_packs_a_secret_has_opened_it() -> None:
    assert named("cp", "/etc/shadow", "/tmp/x", path="/etc/shadow", opened=True)
    assert named("tar", "cf", "-", "/etc", path="/etc/shadow", opened=True)


def test_tar_unpacks_where_it_is_unless_it_is_told_a_place() -> None:
    unpacks = ("tar", "--extract", "--file", "-")
    assert named(*unpacks, cwd="/etc")
    assert not named(*unpacks, cwd="/srv")
    assert not named(*unpacks, "-C", "/srv", cwd="/etc")
    assert not named("tar", "--create", "--file", "-", "--directory", "/srv", ".", cwd="/etc")


def test_unknown_arguments_name_nothing() -> None:
    assert not names_file(Process("entity", 7), "/etc/passwd", opened=False)
