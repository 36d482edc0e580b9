"""The watch list as a tree."""

from collections.abc import Sequence

from collectors.inotify_stream import ATTRIB, CLOSE_WRITE, CREATE, MODIFY
from collectors.watch_list import CONTENT, Entry
from collectors.watch_plan import BELOW, Spot, mask_of, plan


def walk(root: Spot, path: bytes) -> Sequence[Spot]:
    """The spots of a directory that lies at the path."""
    spots: Sequence[Spot] = [root]
    for name in path.strip(b"/").split(b"/"):
        spots = [below for spot in spots for below in spot.below(name, is_directory=True)]
    return spots


def test_the_way_to_an_entry_is_part_of_the_plan_and_wants_nothing() -> None:
    root = plan([Entry(b"/var/spool/cron", "why")])
    (way,) = walk(root, b"/var/spool")
    assert not way.entries
    (spot,) = walk(root, b"/var/spool/cron")
    assert [ranked.entry.path for ranked in spot.entries] == [b"/var/spool/cron"]
    assert not walk(root, b"/var/spool/mail")


def test_a_way_matters_as_much_as_the_best_entry_that_it_leads_to() -> None:
    root = plan([Entry(b"/etc/a", "why"), Entry(b"/var/b", "why"), Entry(b"/var/c", "why")])
    assert walk(root, b"/var")[0].rank == 1


def test_a_star_stands_for_real_directories_only() -> None:
    root = plan([Entry(b"/home/*/.ssh", "keys")])
    assert walk(root, b"/home/anna/.ssh")
    (home,) = walk(root, b"/home")
    assert not list(home.below(b"link", is_directory=False))
    assert [spot.starred for spot in walk(root, b"/home/anna")] == [True]


def test_a_pattern_stands_for_the_directories_that_match() -> None:
    root = plan([Entry(b"/srv/app-*/conf", "configured")])
    assert walk(root, b"/srv/app-1/conf")
    assert not walk(root, b"/srv/web/conf")


def test_an_entry_may_be_the_root() -> None:
    root = plan([Entry(b"/", "configured", patterns=(b"data",))])
    assert root.has(b"data")
    assert not root.has(b"etc")


def test_secrets_belong_to_the_levels_below_as_well() -> None:
    root = plan([Entry(b"/run/secrets", "mounts", depth=1, secrets=(b"*",))])
    (below,) = walk(root, b"/run/secrets/app")
    assert below.is_secret(b"token")
    assert not walk(root, b"/run")[0].is_secret(b"token")


def test_depth_ends_and_ranks_behind_all_entries() -> None:
    root = plan([Entry(b"/www", "web", depth=2), Entry(b"/etc", "accounts")])
    assert walk(root, b"/www/a")[0].rank == BELOW > walk(root, b"/etc")[0].rank
    assert walk(root, b"/www/a/b")[0].rank == 2 * BELOW
    assert not walk(root, b"/www/a/b/c")


def test_a_directory_may_be_an_entry_and_below_another() -> None:
    root = plan([Entry(b"/www/cgi", "programs"), Entry(b"/www", "web", depth=1)])
    assert {ranked.entry.path for spot in walk(root, b"/www/cgi") for ranked in spot.entries} == {b"/www", b"/www/cgi"}


def test_the_kernel_is_asked_for_no_more_than_is_wanted() -> None:
    root = plan([Entry(b"/a/all", "x"), Entry(b"/a/content", "x", kinds=CONTENT), Entry(b"/a/run", "x", programs=True)])
    masks = {name: mask_of(walk(root, b"/a/" + name)) for name in (b"all", b"content", b"run")}
    assert masks[b"all"] & (MODIFY | ATTRIB) == MODIFY | ATTRIB
    assert masks[b"content"] & (MODIFY | ATTRIB) == MODIFY
    assert masks[b"run"] & (MODIFY | ATTRIB | CLOSE_WRITE) == ATTRIB | CLOSE_WRITE
    assert mask_of(walk(root, b"/a")) & (MODIFY | ATTRIB | CLOSE_WRITE | CREATE) == CREATE
