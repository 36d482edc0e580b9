"""docs/configuration.md is what the settings say."""

from pathlib import Path

from sensor.config.document import lines, render
from sensor.config.settings import SECRETS, SETTINGS, option, variable

DOCUMENT = Path(__file__).parents[4] / "docs" / "configuration.md"


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run: python -m sensor.config.document"


def test_every_setting_stands_in_it() -> None:
    assert all(f"| `{variable(f.name)}` |" in render() for f in SETTINGS)


def test_the_help_offers_no_secret() -> None:
    told = "\n".join(lines())
    assert all(option(f.name) in told for f in SETTINGS if f.name not in SECRETS)
    assert "--ingest-token " not in told
