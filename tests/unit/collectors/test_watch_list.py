"""The list of directories that matter."""

from pathlib import Path

import pytest

from collectors.watch_list import CONTENT, DEFAULT, KEYS, WEB, Entry
from collectors.watch_plan import Spot, plan
from sensor.model.kinds import Kind
from sensor.sigma.cases import Case, cases_beside

RULES = Path(__file__).parents[3] / "rules"


def test_every_entry_is_a_plain_absolute_path_with_a_reason() -> None:
    for entry in DEFAULT:
        assert entry.path.startswith(b"/")
        assert not entry.path.endswith(b"/")
        assert not {b"", b".", b".."} & set(entry.path[1:].split(b"/"))
        assert entry.why


def test_no_directory_is_named_twice() -> None:
    paths = [entry.path for entry in DEFAULT]
    assert len(set(paths)) == len(paths)


def test_accounts_come_before_programs_and_those_before_web_roots() -> None:
    ranks = {entry.path: rank for rank, entry in enumerate(DEFAULT)}
    assert ranks[b"/etc"] < ranks[b"/etc/cron.d"] < ranks[b"/tmp"] < ranks[b"/usr/bin"] < ranks[b"/var/www"]


def test_the_plain_name_of_a_merged_directory_comes_first() -> None:
    ranks = {entry.path: rank for rank, entry in enumerate(DEFAULT)}
    for name in (b"/bin", b"/sbin", b"/lib", b"/lib64"):
        assert ranks[b"/usr" + name] < ranks[name]


def test_where_everyone_writes_only_programs_are_told() -> None:
    open_to_all = {b"/tmp", b"/dev/shm", b"/var/tmp"}
    assert {entry.path for entry in DEFAULT if entry.programs} >= open_to_all


def test_an_entry_wants_its_kinds_and_names() -> None:
    entry = Entry(b"/root", "start files", names=frozenset({b".bashrc"}), kinds=CONTENT)
    assert entry.wants(Kind.FILE_MODIFY, b".bashrc")
    assert not entry.wants(Kind.FILE_MODIFY, b".bash_history")
    assert not entry.wants(Kind.FILE_ATTRIBUTES, b".bashrc")


def test_a_secret_is_known_by_its_name() -> None:
    entry = Entry(b"/root/.ssh", "keys", secrets=KEYS)
    assert entry.is_secret(b"id_ed25519")
    assert entry.is_secret(b"deploy.pem")
    assert not entry.is_secret(b"id_ed25519.pub")
    assert not entry.is_secret(b"known_hosts")


def test_a_pattern_restricts_an_entry_as_names_do() -> None:
    entry = Entry(b"/srv", "configured", patterns=(b"*.c[on]f",))
    assert entry.wants(Kind.FILE_MODIFY, b"app.cnf")
    assert not entry.wants(Kind.FILE_MODIFY, b"app.txt")


def test_what_shells_remember_is_watched_where_their_users_live() -> None:
    homes = [entry for entry in DEFAULT if entry.path in (b"/root", b"/home/*")]
    assert len(homes) == 2
    assert all(home.wants(Kind.FILE_DELETE, b".bash_history") for home in homes)


def test_the_directories_of_pages_are_those_that_the_rule_for_web_shells_names() -> None:
    pages = {entry.path for entry in DEFAULT if entry.why == WEB}
    assert pages >= {b"/var/www", b"/usr/share/nginx/html", b"/usr/local/apache2/htdocs"}


def told(path: bytes, kind: Kind) -> bool:
    """Whether the list has it that such a change is told, or the opening."""
    *above, name = path.split(b"/")[1:]
    spots: list[Spot] = [plan(DEFAULT)]
    for part in above:
        spots = [below for spot in spots for below in spot.below(part, is_directory=True)]
    if kind is Kind.FILE_OPEN:
        return any(spot.is_secret(name) for spot in spots)
    return any(entry.wants(kind, name) for spot in spots for _, entry in spot.entries)


def test_what_the_rules_look_for_is_watched() -> None:
    cases = [case for path in RULES.glob("*.yml") for case in cases_beside(path) if isinstance(case, Case)]
    files = {(case.event.file.path, case.event.kind) for case in cases if case.fires and case.event.file is not None}
    assert len(files) >= 50
    assert [(path, kind) for path, kind in files if not told(path.encode(), kind)] == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/apt/apt.conf.d/99x",
        "/etc/apk/commit_hooks.d/x",
        "/etc/services.d/x/run",
        "/usr/lib64/security/pam_x.so",
        "/lib/x86_64-linux-gnu/libx.so",
        "/usr/local/lib64/libx.so",
        "/etc/php/8.2/fpm/conf.d/x.ini",
        "/usr/local/etc/php/conf.d/x.ini",
        "/usr/lib64/python3.9/site-packages/x.pth",
        "/app/.venv/lib/python3.12/site-packages/x.pth",
        "/home/anna/.local/lib/python3.12/site-packages/usercustomize.py",
        "/app/.git/hooks/post-merge",
    ],
)
def test_ways_to_stay_are_watched(path: str) -> None:
    assert told(path.encode(), Kind.FILE_CREATE)


def test_of_pythons_libraries_only_what_runs_at_every_start_is_told() -> None:
    for name in (b"requests", b"x.py", b"__pycache__"):
        assert not told(b"/usr/local/lib/python3.12/site-packages/" + name, Kind.FILE_CREATE)
