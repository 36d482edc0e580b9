"""The first stage tells all that is wrong, one line a key, and keeps what is valid by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from sensor.config.settings import SETTINGS, Settings
from sensor.config.validate import check, mistakes

TOKEN_ONLY = Settings(ingest_url="https://ingest.example.org", ingest_token="hush-hush", ingest_identity="token")
GOOD = {"SENSOR_INGEST_URL": "https://ingest.example.org", "SENSOR_INGEST_TOKEN": "hush-hush"}


def problems(**environ: str) -> tuple[str, ...]:
    return check(GOOD | environ).problems


def test_the_least_configuration_is_an_address_and_a_token() -> None:
    checked = check(GOOD)
    assert checked.problems == checked.warnings == ()
    assert checked.settings == TOKEN_ONLY


def test_every_type_is_read_from_text() -> None:
    environ = {
        "SENSOR_DESTINATIONS": "ingest_http, stdout,stdout",
        "SENSOR_FILE_PATHS": "/srv/a, /srv/b,",
        "SENSOR_QUEUE_EVENTS": "1000",
        "SENSOR_BATCH_AGE": "0.5",
        "SENSOR_LOG_LEVEL": "debug",
    }
    checked = check(GOOD | environ)
    assert checked.problems == ()
    found = checked.settings
    assert found.destinations == ("ingest_http", "stdout")
    assert found.file_paths == ("/srv/a", "/srv/b")
    assert (found.queue_events, found.batch_age, found.log_level) == (1000, 0.5, "debug")


def test_the_commands_of_probes_are_arrays_of_arguments() -> None:
    text = '[["/bin/sh", "-c", "curl -f http://localhost/, || exit 1"], ["/ready"]]'
    expected = (("/bin/sh", "-c", "curl -f http://localhost/, || exit 1"), ("/ready",))
    assert check(GOOD | {"SENSOR_PROBE_COMMANDS": text}).settings.probe_commands == expected
    assert check(GOOD, ["--probe-commands", text]).settings.probe_commands == expected


@pytest.mark.parametrize("text", ["/ready", '["/ready"]', "[[]]", "[[1]]", "{}", "null", '[["a"], "b"]', "[" * 100_000])
def test_commands_in_another_form_are_refused_and_not_repeated(text: str) -> None:
    checked = check(GOOD | {"SENSOR_PROBE_COMMANDS": text})
    assert checked.problems == (
        'SENSOR_PROBE_COMMANDS: should be a JSON array of argument arrays, such as [["/bin/check","--quick"]]',
    )
    assert checked.settings.probe_commands == ()


def test_images_are_pairs_and_anything_else_is_refused() -> None:
    images = '[["app", "shop:1.4"]]'
    assert check(GOOD | {"SENSOR_CONTAINER_IMAGES": images}).settings.container_images == (("app", "shop:1.4"),)
    for text in ('[["app"]]', '[["a", "b", "c"]]', '{"app": "shop"}', '[["a", 1]]'):
        checked = check(GOOD | {"SENSOR_CONTAINER_IMAGES": text})
        assert checked.problems == (
            'SENSOR_CONTAINER_IMAGES: should be a JSON array of pairs of name and image, such as [["app","shop:1.4"]]',
        )


@pytest.mark.parametrize(
    ("text", "meaning"),
    [(t, True) for t in ("true", "1", "on", "yes", "TRUE", "Yes")]
    + [(t, False) for t in ("false", "0", "off", "no", "OFF")],
)
def test_switches_take_the_usual_words(text: str, meaning: bool) -> None:
    assert check(GOOD | {"SENSOR_NETWORK_LOOPBACK": text}).settings.network_loopback is meaning


def test_all_wrong_keys_are_told_at_once_each_by_the_name_that_was_written() -> None:
    environ = {
        "SENSOR_BATCH_AGE": "0",
        "SENSOR_LOG_LEVEL": "loud",
        "SENSOR_NETWORK": "perhaps",
        "SENSOR_HEARTBEET": "3",
        "SENSOR_FILE_PATHS": "relative",
        "SENSOR_DESTINATIONS": "pigeon",
    }
    found = check(GOOD | environ, ["--queue-events", "many"]).problems
    assert sorted(found) == [
        "--queue-events: should be a valid integer, unable to parse string as an integer, got 'many'",
        "SENSOR_BATCH_AGE: should be greater than or equal to 0.05, got '0'",
        "SENSOR_DESTINATIONS: should be 'ingest_http', 'stdout', 'kinesis', 'firehose', 'sqs' or 's3', got 'pigeon'",
        "SENSOR_FILE_PATHS: should be absolute paths, got 'relative'",
        "SENSOR_HEARTBEET: no such setting; did you mean SENSOR_HEARTBEAT?",
        "SENSOR_LOG_LEVEL: should be 'debug', 'info', 'warning' or 'error', got 'loud'",
        "SENSOR_NETWORK: should be true or false, got 'perhaps'",
    ]


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "0", "1e400", "x"])
def test_numbers_have_bounds(text: str) -> None:
    checked = check(GOOD | {"SENSOR_BATCH_AGE": text})
    assert len(checked.problems) == 1
    assert checked.settings.batch_age == 1.0


def test_what_is_valid_by_itself_is_kept_so_that_the_ingest_can_be_told() -> None:
    checked = check(GOOD | {"SENSOR_BATCH_AGE": "never"}, ["--colour"])
    assert len(checked.problems) == 2
    assert checked.settings == TOKEN_ONLY


def test_the_ingest_needs_an_address_and_a_token() -> None:
    assert [line.split(":")[0] for line in check({}).problems] == ["SENSOR_INGEST_URL", "SENSOR_INGEST_TOKEN"]


def test_standard_output_needs_neither() -> None:
    assert check({"SENSOR_DESTINATIONS": "stdout"}).problems == ()


def test_what_a_command_forces_wins_over_everything() -> None:
    checked = check({}, ["--destinations", "ingest_http"], forced={"destinations": "stdout"})
    assert checked.problems == ()
    assert checked.settings.destinations == ("stdout",)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a",
        "ingest.example.org",
        "https://",
        "http://a:b:c",
        "https://a:99999",
        "https://[::1",
        "https://a b",
        "https://a..b",
        "x",
    ],
)
def test_the_address_must_be_one(url: str) -> None:
    (line,) = problems(SENSOR_INGEST_URL=url)
    assert line == "SENSOR_INGEST_URL: should be http:// or https://, a host and perhaps a port and a path"


@pytest.mark.parametrize("url", ["https://me:hush@a", "https://hush@a", "https://a/?token=hush", "https://a/#hush"])
def test_the_address_holds_no_secret_and_is_never_repeated(url: str) -> None:
    (line,) = problems(SENSOR_INGEST_URL=url)
    assert line.startswith("SENSOR_INGEST_URL: should have no ")
    assert "hush" not in line


@pytest.mark.parametrize("token", ["hush hush", "hush\nX-Evil: 1", "hüsh", "hush\udcff", "hush" * 2000])
def test_a_token_that_fits_no_header_is_refused_and_not_repeated(token: str) -> None:
    checked = check(GOOD | {"SENSOR_INGEST_TOKEN": token})
    (line,) = checked.problems
    assert line.startswith("SENSOR_INGEST_TOKEN: should ")
    assert "hush" not in line
    assert checked.settings.ingest_token is None


def test_a_token_and_a_token_file_do_not_go_together(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush")
    (line,) = problems(SENSOR_INGEST_TOKEN_FILE=str(tmp_path / "token"))
    assert line == "SENSOR_INGEST_TOKEN_FILE: should not be set together with SENSOR_INGEST_TOKEN"


@pytest.mark.parametrize("key", ["SENSOR_INGEST_TOKEN_FILE", "SENSOR_INGEST_IDENTITY_FILE"])
@pytest.mark.parametrize(
    ("token", "fault"),
    [("hush-hush", "an absolute path (the value is not shown)"), ("hush" * 2000, "have at most 4096 characters")],
)
def test_a_token_in_place_of_its_file_is_not_repeated(key: str, token: str, fault: str) -> None:
    told = check({"SENSOR_INGEST_URL": "https://a.example", key: token}).problems
    assert told[0].startswith(f"{key}: should ")
    assert told[0].endswith(fault)
    assert "hush" not in " ".join(told)


def test_the_token_file_may_come_later(tmp_path: Path) -> None:
    environ = {"SENSOR_INGEST_URL": "https://a.example", "SENSOR_INGEST_TOKEN_FILE": str(tmp_path / "token")}
    checked = check(environ)
    assert checked.problems == ()
    assert checked.settings.ingest_token_file == f"{tmp_path}/token"
    why = "cannot be read: No such file or directory; events wait until there is a token"
    assert checked.warnings == (f"SENSOR_INGEST_TOKEN_FILE: '{tmp_path}/token' {why}",)
    (tmp_path / "token").write_text("hush")
    assert check(environ)[1:] == ((), ())


def test_the_authority_file_must_hold_a_certificate(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("none")
    assert problems(SENSOR_INGEST_CA_FILE=str(authority)) == (
        f"SENSOR_INGEST_CA_FILE: '{authority}' holds no PEM certificate",
    )


def test_a_batch_fits_the_spool() -> None:
    (line,) = problems(SENSOR_BATCH_BYTES="4194304", SENSOR_SPOOL_BYTES="65536")
    assert line == "SENSOR_BATCH_BYTES: should not be more than SENSOR_SPOOL_BYTES (65536)"


def test_a_spool_directory_is_an_absolute_path() -> None:
    assert problems(SENSOR_SPOOL_DIR="spool") == ("SENSOR_SPOOL_DIR: should be an absolute path, got 'spool'",)
    assert problems(SENSOR_SPOOL_DIR="/not/there") == (), "whether it can be used is seen when it is"


def test_filters_are_checked() -> None:
    environ = {"SENSOR_DROP_KINDS": "file.open,detection", "SENSOR_DROP_DESTINATIONS": "10.0.0.0/8, 10.0.0.1:0"}
    found = problems(**environ)
    assert [line.split(":")[0] for line in found] == ["SENSOR_DROP_KINDS", "SENSOR_DROP_DESTINATIONS"]
    assert found[1] == "SENSOR_DROP_DESTINATIONS: '10.0.0.1:0' is no address range: 0 is no port"


def test_filters_are_lists() -> None:
    environ = {"SENSOR_DROP_KINDS": "file.open, file.create", "SENSOR_DROP_PROGRAMS": "/usr/bin/apt*,/opt/x"}
    found = check(GOOD | environ).settings
    assert found.drop_kinds == ("file.open", "file.create")
    assert found.drop_programs == ("/usr/bin/apt*", "/opt/x")


@pytest.mark.parametrize("host", ["ingest.example.org", "8.8.8.8", "[2606:4700::1]"])
def test_a_token_in_the_clear_across_the_network_is_warned_of(host: str) -> None:
    checked = check(GOOD | {"SENSOR_INGEST_URL": f"http://{host}:8080"})
    assert checked.problems == ()
    assert checked.warnings == ("SENSOR_INGEST_URL: sends the token unencrypted across the network; use https",)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.7", "ingest", "x.svc", "x.internal"])
def test_within_the_house_http_will_do(host: str) -> None:
    assert check(GOOD | {"SENSOR_INGEST_URL": f"http://{host}:8080"}).warnings == ()


def test_half_a_pod_identity_is_warned_of() -> None:
    checked = check(GOOD | {"SENSOR_POD_NAME": "web-1", "SENSOR_POD_NAMESPACE": "shop"})
    assert checked.problems == ()
    (line,) = checked.warnings
    assert line.startswith("SENSOR_POD_UID: missing")


def test_every_default_is_valid_by_itself() -> None:
    defaults = {f.name: f.default for f in SETTINGS}
    as_text = {n: ",".join(d) if isinstance(d, tuple) else str(d) for n, d in defaults.items() if d is not None}
    environ = {f"SENSOR_{name.upper()}": text for name, text in as_text.items()}
    checked = check(GOOD | environ)
    assert checked.problems == ()
    assert checked.settings == check(GOOD).settings


def test_the_second_stage_imports_neither_pydantic_nor_the_definition_of_settings() -> None:
    unwanted = "{'pydantic', 'annotated_types', 'sensor.config.settings'}"
    code = f"import sys, sensor.app.sidecar; sys.exit(bool({unwanted} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_part_of_an_environment_is_judged_by_itself() -> None:
    assert mistakes({"SENSOR_DESTINATIONS": "s3", "SENSOR_BATCH_BYTES": "1000000", "SENSOR_INGEST_URL": ""}) == ()
    assert mistakes({"SENSOR_CPUS": "${cpus}", "SENSOR_HEARTBEAT": "$(BEAT)", "SENSOR_FOLD": "off", "PATH": "/"}) == ()
    assert mistakes({"SENSOR_CPUS": "{{resolve:ssm:/sensor/cpus}}", "SENSOR_SQS_QUEUE_URL": "{{resolve:ssm:/q}}"}) == ()
    assert mistakes({"SENSOR_CPUS": "{{cpus}}"}) != ()
    assert mistakes({"SENSOR_CPUS": "zero", "SENSOR_NOPE": "${x}", "SENSOR_FOLD": "s3cret"}) == (
        "SENSOR_NOPE: no such setting; see docs/configuration.md",
        "SENSOR_FOLD: should be true or false",
        "SENSOR_CPUS: should be a valid number, unable to parse string as a number",
    )
    assert mistakes({"SENSOR_RULES": "s3cret", "SENSOR_FILE_PATHS": "s3cret", "SENSOR_SPOOL_DIR": "s3cret"}) == (
        "SENSOR_FILE_PATHS: should be absolute paths",
        "SENSOR_RULES: should be absolute paths",
        "SENSOR_SPOOL_DIR: should be an absolute path",
    )
    assert mistakes({"SENSOR_INGEST_URL": "ftp://s3cret", "SENSOR_KINESIS_STREAM": "s3 cret"}) == (
        "SENSOR_INGEST_URL: should be http:// or https://, a host and perhaps a port and a path",
        "SENSOR_KINESIS_STREAM: should be a stream's name or ARN",
    )
    assert mistakes({"SENSOR_INGEST_CA_FILE": "/nowhere.pem", "SENSOR_INGEST_TOKEN_FILE": "/nowhere"}) == ()
