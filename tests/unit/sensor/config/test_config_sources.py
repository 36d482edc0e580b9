"""Environment and options become named texts; what is no setting is told, and no value of it."""

import pytest

from sensor.config.settings import SETTINGS
from sensor.config.sources import Given, from_environment, from_options, merged


def test_variables_are_found_by_their_names() -> None:
    found = from_environment({"SENSOR_BATCH_AGE": " 2 ", "PATH": "/bin", "SENSORY": "x"})
    assert found.values == {"batch_age": Given("SENSOR_BATCH_AGE", "2")}
    assert found.problems == ()


def test_an_empty_variable_counts_as_not_set() -> None:
    assert from_environment({"SENSOR_INGEST_URL": "", "SENSOR_HEARTBEAT": "  "}).values == {}


def test_an_unknown_variable_names_the_nearest_and_never_its_value() -> None:
    (line,) = from_environment({"SENSOR_INGEST_TOKN": "hush-hush"}).problems
    assert line == "SENSOR_INGEST_TOKN: no such setting; did you mean SENSOR_INGEST_TOKEN?"


def test_a_variable_like_no_other_points_to_the_documents() -> None:
    (line,) = from_environment({"SENSOR_XQZW": "1"}).problems
    assert line == "SENSOR_XQZW: no such setting; see docs/configuration.md"


def test_a_hostile_name_stays_on_one_line() -> None:
    (line,) = from_environment({"SENSOR_\n\x1b[31m": "1"}).problems
    assert line.isprintable()
    assert len(line) < 200


@pytest.mark.parametrize(
    "link",
    [
        "SENSOR_SERVICE_HOST",
        "SENSOR_SERVICE_PORT",
        "SENSOR_SERVICE_PORT_HTTP",
        "SENSOR_PORT",
        "SENSOR_PORT_8080_TCP",
        "SENSOR_PORT_8080_TCP_ADDR",
        "SENSOR_PORT_53_UDP_PROTO",
        "SENSOR_INGEST_SERVICE_HOST",
        "SENSOR_INGEST_PORT_8080_TCP_PORT",
    ],
)
def test_service_links_of_kubernetes_are_no_settings(link: str) -> None:
    found = from_environment({link: "tcp://10.0.0.1:8080"})
    assert (found.values, found.problems) == ({}, ())


def test_no_setting_looks_like_a_service_link() -> None:
    names = {f"SENSOR_{f.name.upper()}": "1" for f in SETTINGS}
    assert set(from_environment(names).values) == {f.name for f in SETTINGS}


@pytest.mark.parametrize("argv", [["--batch-age", "2"], ["--batch-age=2"], ["--batch-age", "9", "--batch-age=2"]])
def test_an_option_has_its_value_beside_it_or_after_an_equals_sign(argv: list[str]) -> None:
    assert from_options(argv).values == {"batch_age": Given("--batch-age", "2")}


@pytest.mark.parametrize(
    ("argv", "given"),
    [
        (["--strict"], Given("--strict", "true")),
        (["--no-strict"], Given("--no-strict", "false")),
        (["--strict=off"], Given("--strict", "off")),
    ],
)
def test_a_switch_needs_no_value(argv: list[str], given: Given) -> None:
    assert from_options(argv).values == {"strict": given}


def test_a_value_may_hold_an_equals_sign_and_may_be_empty() -> None:
    assert from_options(["--pod-name=a=b"]).values["pod_name"].text == "a=b"
    assert from_options(["--pod-name", ""]).values["pod_name"].text == ""


def test_an_option_without_its_value_is_told() -> None:
    assert from_options(["--batch-age"]).problems == ("--batch-age: needs a value",)


def test_all_unknown_options_are_told_at_once_and_their_values_passed_over() -> None:
    found = from_options(["--bach-age", "2", "--no-stict", "--heartbeat", "5"])
    assert found.problems == (
        "--bach-age: no such setting; did you mean --batch-age?",
        "--no-stict: no such setting; did you mean --no-strict?",
    )
    assert found.values == {"heartbeat": Given("--heartbeat", "5")}


@pytest.mark.parametrize("argv", [["--ingest-token", "-hush"], ["--ingest-token=hush"], ["--ingest-token"]])
def test_a_token_on_the_command_line_is_refused_and_not_repeated(argv: list[str]) -> None:
    (line,) = from_options(argv).problems
    assert "use SENSOR_INGEST_TOKEN or a file" in line
    assert "hush" not in line


def test_a_word_that_is_no_option_is_not_repeated() -> None:
    (line,) = from_options(["hush-hush"]).problems
    assert "no option" in line
    assert "hush" not in line


def test_an_option_wins_over_a_variable() -> None:
    both = merged(from_environment({"SENSOR_HEARTBEAT": "5", "SENSOR_X": ""}), from_options(["--heartbeat", "6"]))
    assert both.values["heartbeat"] == Given("--heartbeat", "6")
    assert len(both.problems) == 1
