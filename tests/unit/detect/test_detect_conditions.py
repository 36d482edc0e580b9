"""What a rule says of one event, feature by feature."""

import pytest

from sensor.detect.compact import MalformedRules
from sensor.detect.conditions import predicate
from sensor.model.events import Event, Evidence, File, Network, Process
from sensor.model.kinds import Kind
from tests.fakes import START
from tests.rules_from import exec_event, fires, one_rule


@pytest.mark.parametrize(
    ("detection", "line", "expected"),
    [
        ("CommandLine: 'nc -l 4444'", "NC -L 4444", True),
        ("CommandLine|cased: 'nc -l 4444'", "NC -l 4444", False),
        ("CommandLine|cased: 'nc -?'", "nc -l", True),
        ("CommandLine: 'tar *--exec*=sh'", "tar x --exec-a=sh", True),
        ("CommandLine: 'tar *--exec*=sh'", "tar x --exec-a=sh x", False),
        (r"CommandLine: 'ls \*'", "ls *", True),
        (r"CommandLine: 'ls \*'", "ls a", False),
        (r"CommandLine: 'a\b'", r"a\b", True),
        ("CommandLine: 'a?c'", "abc", True),
        ("CommandLine: 'a?c'", "ac", False),
        ("CommandLine|contains: ['x y', 'y z']", "w y z", True),
        ("CommandLine|contains|all: [a, b]", "bca", True),
        ("CommandLine|contains|all: [a, b]", "bc", False),
        ("CommandLine|startswith: 'rm '", "rm x", True),
        ("CommandLine|endswith: ' x'", "rm xx", False),
        ("CommandLine|re: '^a+$'", "aaa", True),
        ("CommandLine|re: '^A+$'", "aaa", False),
        ("CommandLine|re|i: '^A+$'", "aaa", True),
        ("CommandLine|base64offset|contains: /bin/sh", "echo L2Jpbi9zaA==", True),
        ("CommandLine|windash|contains: ' -x '", "a /x b", True),
        ("CommandLine|contains: ''", "anything", True),
        ("CommandLine: '*'", "anything", True),
        ("CurrentDirectory: '*'", "not known", False),
        ("CommandLine|exists: true", "anything", True),
        ("CommandLine|exists: false", "anything", False),
        ("User: null\n  Image|endswith: /a", "a", True),
        ("CommandLine|contains|neq: x", "y", True),
        ("a0: cat\n  a1|startswith: /etc", "cat /etc/passwd", True),
        ("process.name: vim", "/usr/bin/vim.basic", False),
        ("ParentImage|endswith: /bash", "a", True),
        ("process.args: b", "a b c", True),
        ("process.args: 'b c'", "a b c", False),
        ("container.image|startswith: 'shop:'", "a", True),
        ("process.pid|gt: 6\n  process.pid|lte: 7", "a", True),
        ("process.pid: 7", "a", True),
        ("process.pid: '7'", "a", True),
        ("process.pid|gte: 8", "a", False),
        ("process.pid|neq: 8", "a", True),
        ("process.pid|neq: 7", "a", False),
        ("Image|fieldref: process.exe", "a", True),
        ("CommandLine|fieldref: Image", "a", False),
        ("CommandLine|fieldref|contains: OriginalFileName", "/usr/bin/env x", True),
        ("CommandLine|fieldref|startswith: OriginalFileName", "/usr/bin/env x", False),
        ("CommandLine|fieldref|startswith: Image", "/usr/bin/env x", True),
        ("CommandLine|fieldref|endswith: Image", "/usr/bin/env x", False),
        ("CommandLine|fieldref|endswith: OriginalFileName", "/usr/bin/env", True),
    ],
)
def test_a_selection(detection: str, line: str, expected: bool) -> None:
    rule = one_rule(f"selection:\n  {detection}\ncondition: selection")

    assert fires(rule, exec_event(line)) is expected


@pytest.mark.parametrize(
    ("condition", "line", "expected"),
    [
        ("1 of sel_*", "only one", True),
        ("all of sel_*", "only one", False),
        ("all of sel_*", "one two", True),
        ("all of them", "one two", False),
        ("sel_a and not filter", "one three", False),
        ("sel_a and not filter", "one", True),
        ("not sel_a and sel_b", "two", True),
        ("(sel_a or sel_b) and filter", "two three", True),
    ],
)
def test_a_condition(condition: str, line: str, expected: bool) -> None:
    rule = one_rule(
        "sel_a: {CommandLine|contains: one}\nsel_b: {CommandLine|contains: two}\n"
        f"filter: {{CommandLine|contains: three}}\ncondition: {condition}"
    )

    assert fires(rule, exec_event(line)) is expected


def test_several_conditions_are_alternatives() -> None:
    rule = one_rule("a: {CommandLine: x}\nb: {CommandLine: y}\ncondition:\n  - a\n  - b")

    assert fires(rule, exec_event("y"))


def test_what_is_absent_matches_nothing_and_so_under_not_it_does() -> None:
    known = one_rule("sel: {CurrentDirectory|startswith: /srv}\ncondition: sel")
    other = one_rule(
        "sel: {Image|endswith: /a}\nfilter: {CurrentDirectory|startswith: /srv}\ncondition: sel and not filter"
    )
    event = exec_event("a", cwd=None)

    assert not fires(known, event)
    assert fires(other, event)


def test_a_program_has_the_name_of_its_file_and_the_one_it_was_called_by() -> None:
    rule = one_rule("sel: {process.name: sh}\ncondition: sel")

    assert fires(rule, exec_event("sh -c x", exe="/usr/bin/dash"))
    assert fires(rule, exec_event("-sh", exe="/bin/busybox"))
    assert fires(rule, exec_event("x", exe="/bin/sh", args=None))
    assert not fires(rule, exec_event("dash", exe="/usr/bin/dash"))


@pytest.mark.parametrize(
    ("args", "exe", "named"),
    [
        (("/usr/bin/python3", "/usr/bin/yum", "install", "nmap"), "/usr/bin/python3.11", True),
        (("/usr/bin/perl", "-w", "/opt/tools/yum"), "/usr/bin/perl5.36.0", True),
        (("/bin/sh", "./yum"), "/bin/busybox", True),
        (("node", "--inspect", "/srv/yum"), "/usr/local/bin/node", True),
        (("sh", "-c", "/usr/bin/yum"), "/usr/bin/dash", False),
        (("bash", "-ec", "/usr/bin/yum"), "/usr/bin/bash", False),
        (("python3", "-m", "yum"), "/usr/bin/python3.11", False),
        (("sh", "echo of /usr/bin/yum"), "/usr/bin/dash", False),
        (("sh", "-x"), "/usr/bin/dash", False),
        (("sh",), "/usr/bin/dash", False),
        (("ls", "/usr/bin/yum"), "/usr/bin/ls", False),
        (("python3", "/usr/bin/yum/"), "/usr/bin/python3.11", False),
        (("busybox", "yum", "x"), "/bin/busybox", True),
        (("./busybox-x86_64", "/srv/yum"), "/srv/busybox-x86_64", True),
        (("toybox", "yum"), "/usr/bin/toybox", True),
        (("/usr/bin/coreutils", "--coreutils-prog-shebang=yum", "/usr/bin/yum"), "/usr/bin/coreutils", True),
        (("coreutils", "--coreutils-prog=yum"), "/usr/bin/coreutils", True),
        (("coreutils", "--help", "yum"), "/usr/bin/coreutils", False),
        (("busybox", "--list", "yum"), "/bin/busybox", False),
        (("busybox",), "/bin/busybox", False),
        (("wget", "yum"), "/bin/busybox", False),
        (("/lib64/ld-linux-x86-64.so.2", "/usr/bin/yum", "x"), "/usr/lib64/ld-linux-x86-64.so.2", True),
        (("ld-musl-x86_64.so.1", "--argv0", "a", "--preload=b", "--list", "./yum"), "/lib/ld-musl-x86_64.so.1", True),
        (("ld.so", "--library-path", "/srv/yum", "/srv/app", "yum"), "/usr/bin/ld.so", False),
        (("ld-2.31.so", "--library-path"), "/lib/ld-2.31.so", False),
        (("ld", "yum"), "/usr/bin/ld", False),
    ],
)
def test_scripts_and_tools_have_names_beside_their_programs(args: tuple[str, ...], exe: str, named: bool) -> None:
    event = exec_event("x", exe=exe, args=args)
    assert fires(one_rule("sel: {process.name: yum}\ncondition: sel"), event) is named
    interpreter = one_rule(f"sel: {{process.name: {args[0].rpartition('/')[2]}}}\ncondition: sel")
    assert fires(interpreter, event)


def test_the_parent_is_asked_for_what_an_ancestor_does_not_tell() -> None:
    rule = one_rule("sel: {ParentCommandLine|contains: gunicorn, ParentUser: app}\ncondition: sel")
    parent = Process("above", 1, exe="/usr/bin/python3", args=("python3", "gunicorn"), user="app")

    assert fires(rule, exec_event("sh"), parent)
    assert not fires(rule, exec_event("sh"), None)


def connection(**fields: object) -> Event:
    network = Network(direction="outbound", src="10.0.0.2", src_port=4001, dst="203.0.113.9", dst_port=443)
    network = network._replace(**fields)  # type: ignore[arg-type]  # the fields of a connection
    return Event(Kind.NETWORK_CONNECT, START, Evidence("test"), network=network)


@pytest.mark.parametrize(
    ("detection", "fields", "expected"),
    [
        ("DestinationIp|cidr: 203.0.113.0/24", {}, True),
        ("DestinationIp|cidr: 203.0.112.0/24", {}, False),
        ("DestinationIp|cidr: 203.0.113.0/24", {"dst": "::ffff:203.0.113.9"}, True),
        ("DestinationIp|cidr: '2001:db8::/32'", {"dst": "2001:db8::1"}, True),
        ("DestinationIp|cidr: '2001:db8::/32'", {"dst": "no address"}, False),
        ("DestinationPort: [80, 443]", {}, True),
        ("Initiated: 'true'", {}, True),
        ("Initiated: true", {"direction": "inbound"}, False),
        ("SourceIp: 203.0.113.9", {"direction": "inbound"}, True),
        ("DestinationPort: 4001", {"direction": "inbound"}, True),
        ("DestinationHostname|endswith: .example.org", {"hostname": "a.example.org"}, True),
        ("network.marks: task_metadata", {"marks": ("dns_bypass", "task_metadata")}, True),
        ("network.marks|exists: true", {}, False),
        ("network.duration_ms|gt: 1.5", {"duration_ms": 2.0}, True),
    ],
)
def test_a_connection(detection: str, fields: dict[str, object], expected: bool) -> None:
    rule = one_rule(f"sel:\n  {detection}\ncondition: sel", category="network_connection")

    assert fires(rule, connection(**fields)) is expected


def test_a_files_mode_is_there_bit_by_bit() -> None:
    rule = one_rule("sel: {file.setuid: true, file.executable: true}\ncondition: sel", category="file.attributes")
    event = Event(Kind.FILE_ATTRIBUTES, START, Evidence("test"), file=File("/x", mode=0o104755))

    assert fires(rule, event)
    assert not fires(rule, event._replace(file=File("/x", mode=0o100755)))
    assert not fires(rule, event._replace(file=File("/x")))


def test_keywords_are_looked_for_in_every_text() -> None:
    rule = one_rule("words: [rootkit, 'evil*name']\ncondition: words")

    assert fires(rule, exec_event("cat /srv/RootKit.txt"))
    assert fires(rule, exec_event("a", cwd="/srv/evil/my-name/x"))
    assert not fires(rule, exec_event("cat name evil"))


@pytest.mark.parametrize(
    ("words", "line", "expected"),
    [
        ("'|base64offset|contains': /bin/sh", "echo L2Jpbi9zaA==", True),
        ("'|base64offset|contains': /bin/sh", "echo /bin/sh", False),
        ("'|re': 'evil[0-9]+'", "cat evil7", True),
        ("'|re': 'evil[0-9]+'", "cat evil", False),
    ],
)
def test_keywords_may_be_modified(words: str, line: str, expected: bool) -> None:
    assert fires(one_rule(f"words: {{{words}}}\ncondition: words"), exec_event(line)) is expected


def test_a_keyword_may_be_a_number() -> None:
    assert fires(one_rule("words: [4444]\ncondition: words"), exec_event("nc -l 44445"))


def test_surrogates_and_other_strange_texts_match_as_they_are() -> None:
    rule = one_rule("sel: {CommandLine|contains: [nc, a, b, c, d, e, f, g], CommandLine|re: 'nc'}\ncondition: sel")

    assert fires(rule, exec_event("nc \ud800"))


@pytest.mark.parametrize(
    "condition",
    [
        [],
        ["?"],
        ["is", "Nothing", "equals", False, ["x"]],
        ["is", "Image"],
        ["re", "Image", "(?=x)", ""],
        ["and", 7],
        7,
    ],
)
def test_a_condition_of_another_form_is_refused(condition: list[object]) -> None:
    with pytest.raises(MalformedRules):
        predicate(condition, {})


def test_a_condition_without_end_is_refused() -> None:
    condition: list[object] = ["exists", "Image"]
    for _ in range(500):
        condition = ["not", condition]

    with pytest.raises(MalformedRules, match="deeper than"):
        predicate(condition, {})
