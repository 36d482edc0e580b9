"""The list of directories that matter."""

from collectors.watch_list import CONTENT, DEFAULT, KEYS, WEB, Entry
from sensor.model.kinds import Kind


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
    entry = Entry(b"/srv", "configured", pattern=b"*.c[on]f")
    assert entry.wants(Kind.FILE_MODIFY, b"app.cnf")
    assert not entry.wants(Kind.FILE_MODIFY, b"app.txt")


def test_what_shells_remember_is_watched_where_their_users_live() -> None:
    homes = [entry for entry in DEFAULT if entry.path in (b"/root", b"/home/*")]
    assert len(homes) == 2
    assert all(home.wants(Kind.FILE_DELETE, b".bash_history") for home in homes)


def test_the_directories_of_pages_are_those_that_the_rule_for_web_shells_names() -> None:
    pages = {entry.path for entry in DEFAULT if entry.why == WEB}
    assert pages >= {b"/var/www", b"/usr/share/nginx/html", b"/usr/local/apache2/htdocs"}
