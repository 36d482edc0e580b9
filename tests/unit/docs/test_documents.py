"""The documents name only what exists."""

import json
import re
from itertools import count
from pathlib import Path

import pytest

from collectors.process_cursor import RESTING_S
from deploy.commands import inject as inject_command
from ingest.config import PREFIX, Settings
from sensor.config.settings import SETTINGS, variable
from shippers import firehose, kinesis, s3, sqs
from shippers.registry import FACTORIES

PROJECT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    [
        *PROJECT.glob("*.md"),
        *(path for name in ("docs", "task-definitions", "helm") for path in (PROJECT / name).rglob("*.md")),
    ]
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
ANCHOR = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)
TARGET = re.compile(r"`make ([a-z0-9]+)")


def ids(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_links_lead_somewhere(document):
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]

    assert [link for link in links if not (document.parent / link).exists()] == []


def slugs(text: str) -> set[str]:
    """How GitHub names the headings: small letters, hyphens for spaces, no other punctuation; a second one has -1."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCED.sub("", text)):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found.add(next(one for number in count() if (one := f"{slug}-{number}" if number else slug) not in found))
    return found


def lost_anchors(document: Path, text: str) -> list[str]:
    """Anchors of links that no heading has."""
    places = [(document.parent / link if link else document, anchor) for link, anchor in ANCHOR.findall(text)]
    return [
        f"{path.name}#{anchor}"
        for path, anchor in places
        if path.suffix == ".md" and path.exists() and anchor not in slugs(path.read_text())
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_anchors_lead_to_a_heading(document):
    assert lost_anchors(document, document.read_text()) == []


def test_anchors_without_a_heading_are_found(tmp_path):
    text = "# A `b`, [c](d.md)\n\n## E\n## E\n```sh\n# F\n```\n"
    here = tmp_path / "a.md"
    here.write_text(text)

    assert slugs(text) == {"a-b-c", "e", "e-1"}
    assert lost_anchors(here, "[x](#e-1) [x](a.md#a-b-c) [x](#f) [x](a.md#no-such) [x](https://a.org/#b)") == [
        "a.md#f",
        "a.md#no-such",
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_make_targets_exist(document):
    makefile = (PROJECT / "Makefile").read_text()
    named = set(TARGET.findall(document.read_text()))

    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_settings_exist(document):
    known = {variable(setting.name) for setting in SETTINGS}
    named = set(re.findall(r"\bSENSOR_[A-Z_]*[A-Z]\b", document.read_text()))

    assert named <= known


def test_every_setting_of_the_ingest_is_documented_and_no_other():
    documented = set(re.findall(r"^\| `(INGEST_\w+)`", (PROJECT / "docs/ingest.md").read_text(), re.MULTILINE))

    assert documented == {PREFIX + name.upper() for name in Settings.model_fields}


def test_policies_allow_what_each_destination_needs_and_no_more():
    text = (PROJECT / "docs/destinations.md").read_text()
    documented = {}
    for title, section in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL):
            (statement,) = json.loads(block)["Statement"]
            documented[title] = statement["Action"]
            assert f":{title}:" in statement["Resource"]

    needed = {aim.service: aim.permission.split()[0] for aim in (kinesis.AIM, firehose.AIM, sqs.AIM, s3.AIM)}
    assert documented == needed


def test_every_destination_is_documented():
    titles = re.findall(r"^\| `(\w+)` \|", (PROJECT / "docs/destinations.md").read_text(), re.MULTILINE)

    assert titles == list(FACTORIES)


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md", "docs/architecture.md"])
def test_how_long_the_timer_rests_is_told_as_it_is(name):
    assert f"{RESTING_S * 1_000:.0f} ms" in (PROJECT / name).read_text()


@pytest.mark.parametrize("name", ["README.md", "docs/inject.md", "docs/eks.md", "task-definitions/README.md"])
def test_options_of_inject_exist(name, capsys):
    for platform in ("ecs", "pod"):
        with pytest.raises(SystemExit):
            inject_command.main([platform, "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    text = (PROJECT / name).read_text()
    named = set(re.findall(r"`(--[a-z-]+)", text)) if name == "docs/inject.md" else set()
    for command in re.findall(r"fargate-sensor inject (?:[^\n]*\\\n)*[^\n]*", text):
        named |= set(re.findall(r" (--[a-z-]+)", command))

    assert named - known == set()
    assert named or name.startswith("task-definitions")
