import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_samples import APP, NOON, event, events, header, process, rows

from ingest import tree
from ingest.store.protocol import Store
from ingest.tree import Forest, forest
from sensor.model.codec import event_to_json
from sensor.model.events import Ancestor, Container, Event, Evidence, Missing, Timestamp
from sensor.model.kinds import Kind


def grown(*given: Event, containers: Iterable[Container] = ()) -> Forest:
    return forest([json.dumps(event_to_json(each, header())) for each in given], list(containers))


def executed(seq: int, name: str, *ancestors: str, container: Container | None = APP, **fields: Any) -> Event:
    chain = tuple(Ancestor(each, 1, f"/bin/{each}") for each in ancestors)
    return event(seq, container=container, process=process(name, ancestors=chain, **fields))


def ended(seq: int, name: str, **fields: Any) -> Event:
    return event(seq, Kind.PROCESS_EXIT, container=APP, process=process(name, **fields))


def shape(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """Entities only, nested."""
    return {node["entity"]: shape(node["children"]) for node in nodes}


def walk(nodes: list[dict[str, Any]], depth: int = 1) -> Iterator[tuple[str, int]]:
    for node in nodes:
        yield node["entity"], depth
        yield from walk(node["children"], depth + 1)


def test_children_stand_under_their_parents() -> None:
    (container,) = grown(
        executed(1, "init"),
        executed(2, "sh", "init"),
        executed(3, "ls", "sh", "init"),
        executed(4, "cat", "sh", "init"),
    ).containers
    assert container["id"] == "c1"
    assert shape(container["processes"]) == {"init": {"sh": {"ls": {}, "cat": {}}}}


def test_a_process_has_what_its_last_exec_and_its_exit_told() -> None:
    start = Timestamp(1_700_000_000_000_000_000)
    (container,) = grown(
        executed(1, "p", pid=9, ppid=4, exe="/bin/sh", args=("sh",), user="app", uid=1000, start=start, session="exec"),
        executed(2, "p", pid=9, exe="/bin/ls", args=("ls", "-l")),
        ended(3, "p", pid=9, exit_code=-9, exe="/gone"),
    ).containers
    (node,) = container["processes"]
    assert node == {
        "entity": "p",
        "pid": 9,
        "ppid": 4,
        "exe": "/bin/ls",
        "comm": None,
        "args": ["ls", "-l"],
        "user": "app",
        "uid": 1000,
        "start": "2023-11-14T22:13:20.000000000Z",
        "end": "2023-11-14T22:13:23.000000000Z",
        "exit_code": -9,
        "session": "exec",
        "execs": 2,
        "count": 1,
        "placeholder": False,
        "children": [],
    }


def test_the_order_of_arrival_does_not_matter() -> None:
    told = [executed(1, "p", exe="/bin/a"), executed(2, "p", exe="/bin/b"), ended(3, "p", exit_code=1)]
    assert grown(*told) == grown(*reversed(told))


def test_of_one_moment_the_last_number_is_the_last_program() -> None:
    programs = [event(n, process=process("p", exe=f"/bin/{n}"), time=NOON) for n in (9, 10)]
    for order in (programs, programs[::-1]):
        (container,) = grown(*order).containers
        assert container["processes"][0]["exe"] == "/bin/10"


def test_parents_known_only_by_name_are_placeholders() -> None:
    (container,) = grown(executed(1, "ls", "sh", "init")).containers
    assert shape(container["processes"]) == {"init": {"sh": {"ls": {}}}}
    (top,) = container["processes"]
    assert (top["placeholder"], top["exe"], top["execs"]) == (True, "/bin/init", 0)


def test_only_the_exit_of_a_process_is_enough() -> None:
    (container,) = grown(ended(1, "p", pid=3, exit_code=0)).containers
    assert [(node["execs"], node["placeholder"]) for node in container["processes"]] == [(0, False)]


def test_a_process_stands_for_all_that_were_folded_into_it() -> None:
    told = [executed(1, "a", "sh"), ended(2, "a"), executed(3, "b", "sh", exe="/bin/x"), ended(4, "b")]
    folded = [each._replace(count=57) if each.process and each.process.entity == "b" else each for each in told]
    (container,) = grown(*folded).containers
    (shell,) = container["processes"]
    assert (shell["count"], shell["placeholder"]) == (1, True)
    assert [(node["entity"], node["count"], node["end"] is None) for node in shell["children"]] == [
        ("a", 1, False),
        ("b", 57, False),
    ]


def test_a_program_that_another_followed_in_the_same_processes_does_not_double_the_count() -> None:
    (container,) = grown(executed(1, "a")._replace(count=57), executed(2, "a")._replace(count=57)).containers
    assert [(node["execs"], node["count"]) for node in container["processes"]] == [(114, 57)]


def test_each_container_has_its_own_trees() -> None:
    side = Container("c2", "side")
    found = grown(
        executed(1, "a"),
        executed(2, "b", "a", container=side),
        executed(3, "c", container=None),
        containers=[Container("c0", "idle"), side],
    )
    assert [(each["id"], each["name"], shape(each["processes"])) for each in found.containers] == [
        ("c0", "idle", {}),
        ("c2", "side", {"b": {}}),
        ("c1", None, {"a": {}}),
        ("", None, {"c": {}}),
    ]


def test_a_circle_of_parents_is_cut_open() -> None:
    circle = [executed(1, "a", "b"), executed(2, "b", "c"), executed(3, "c", "a")]
    (container,) = grown(*circle, executed(4, "d", "c")).containers
    assert shape(container["processes"]) == {"a": {"c": {"b": {}, "d": {}}}}


def test_its_own_parent_is_none() -> None:
    (container,) = grown(executed(1, "a", "a")).containers
    assert shape(container["processes"]) == {"a": {}}


def test_a_chain_of_ten_thousand_is_cut_into_pieces_that_json_readers_take() -> None:
    found = grown(*(executed(n, f"p{n}", f"p{n - 1}") for n in range(1, 10_001)))
    (container,) = json.loads(json.dumps(found.containers))
    seen = dict(walk(container["processes"]))
    assert len(seen) == 10_001
    assert max(seen.values()) == tree.MOST_DEPTH
    assert found.truncated


def test_more_processes_than_one_answer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_PROCESSES", 5)
    found = grown(*(executed(n, f"p{n}", "init") for n in range(1, 10)))
    assert found.truncated
    assert len(list(walk(found.containers[0]["processes"]))) == 5


def test_more_containers_than_one_answer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_CONTAINERS", 2)
    there = [Container(f"c{n}", f"n{n}") for n in range(3)]
    for containers, truncated in ((there, True), (there[1:], False)):
        found = grown(executed(1, "p", container=Container("c0")), containers=containers)
        assert [(each["id"], each["name"]) for each in found.containers] == [("c1", "n1"), ("c2", "n2"), ("c0", None)]
        assert found.truncated is truncated


NAMES = st.sampled_from("abcdef")


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=4), st.sampled_from([APP, Container("c2"), None]))))
def test_whatever_is_claimed_each_process_stands_in_one_place(
    claims: list[tuple[str, list[str], Container | None]],
) -> None:
    found = grown(*(executed(n + 1, name, *above, container=c) for n, (name, above, c) in enumerate(claims)))
    seen = [entity for container in found.containers for entity, _ in walk(container["processes"])]
    assert sorted(seen) == sorted({name for name, above, _ in claims for name in (name, *above)})


async def test_the_history_is_the_newest_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "PAGE", 10)
    monkeypatch.setattr(tree, "MOST_EVENTS", 20)
    await store.append(rows(*events(range(1, 16)), event(16, Kind.DNS_QUERY)))
    whole = await tree.history(store, "t1")
    assert (len(whole.texts), whole.truncated) == (15, False)
    await store.append(rows(*events(range(17, 40))))
    part = await tree.history(store, "t1")
    assert (len(part.texts), part.truncated) == (20, True)
    assert {json.loads(text)["seq"] for text in part.texts} == set(range(20, 40))


def test_a_node_tells_what_its_exec_lacks_and_what_is_odd_about_its_executable() -> None:
    lacking = Evidence("open_hint", (Missing("process.args", "gone"),))
    odd = executed(1, "odd", sha256="00", drift=True)._replace(evidence=lacking)
    (container,) = grown(odd, executed(2, "plain")).containers
    told, plain = sorted(container["processes"], key=lambda node: node["entity"])
    assert told["evidence"] == {"source": "open_hint", "missing": [{"field": "process.args", "reason": "gone"}]}
    assert (told["sha256"], told["drift"]) == ("00", True)
    assert not plain.keys() & {"evidence", "sha256", "drift", "preload"}


def test_a_program_has_nothing_of_the_one_that_it_replaced() -> None:
    cut, lacking = Evidence("cursor", truncated=("process.args",)), Evidence("hint", (Missing("process.args", "gone"),))
    odd = executed(
        1,
        "p",
        exe="/tmp/x",
        comm="x",
        args=("x", "--mine"),
        sha256="00",
        drift=True,
        preload=("LD_PRELOAD=l",),
        uid=0,
        stdin="tcp",
    )._replace(evidence=cut)
    (container,) = grown(odd, executed(2, "p", exe="/bin/sleep")._replace(evidence=lacking)).containers
    (node,) = container["processes"]
    assert (node["exe"], node["comm"], node["args"], node["uid"], node["execs"]) == ("/bin/sleep", None, None, 0, 2)
    assert node["evidence"]["source"] == "hint"
    assert not node.keys() & {"stdin", "sha256", "drift", "preload"}
    (container,) = grown(odd, executed(2, "p", exe="/bin/sleep", args=("sleep",))).containers
    assert "evidence" not in container["processes"][0]


def test_an_exit_fills_in_what_the_last_program_did_not_tell() -> None:
    told = executed(1, "p", exe="/bin/a", args=("a",)), executed(2, "p", exe="/bin/b"), ended(3, "p", args=("b",))
    (container,) = grown(*told).containers
    assert container["processes"][0]["args"] == ["b"]
