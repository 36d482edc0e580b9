from pathlib import Path

import pytest

from ingest.config import Address, Settings, from_environment
from sensor.model.errors import WrongConfiguration

TOKENS = {"INGEST_WRITE_TOKEN": "the-write-token", "INGEST_READ_TOKEN": "the-read-token"}


def problems(environ: dict[str, str]) -> dict[str, str]:
    """What is wrong, by key."""
    with pytest.raises(WrongConfiguration) as caught:
        from_environment(environ)
    return dict(line.split(": ", 1) for line in caught.value.problems)


def read(**given: str) -> Settings:
    return from_environment(TOKENS | given)


def test_defaults() -> None:
    settings = read()
    assert settings.listen == Address("127.0.0.1", 8080)
    assert settings.retention_days == 30
    assert settings.write_token.get_secret_value() == "the-write-token"


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = problems(
        {
            "INGEST_WRITE_TOKEN": "short",
            "INGEST_LISTEN": "8080",
            "INGEST_LISTN": "127.0.0.1:80",
            "INGEST_RETENTION_DAYS": "-1",
            "INGEST_RETENTION_BYTES": "much",
            "INGEST_MAX_STREAMS": "1.5",
        }
    )
    assert sorted(wrong) == [
        "INGEST_LISTEN",
        "INGEST_LISTN",
        "INGEST_MAX_STREAMS",
        "INGEST_READ_TOKEN",
        "INGEST_RETENTION_BYTES",
        "INGEST_RETENTION_DAYS",
        "INGEST_WRITE_TOKEN",
    ]
    assert wrong["INGEST_LISTN"] == "no such setting; did you mean INGEST_LISTEN?"


@pytest.mark.parametrize("key", TOKENS)
def test_a_missing_token_says_how_to_make_one(key: str) -> None:
    (line,) = problems({other: token for other, token in TOKENS.items() if other != key}).items()
    assert line[0] == key
    assert "secrets.token_urlsafe(32)" in line[1]


@pytest.mark.parametrize("token", ["short", "with a blank in it", "with-ä-in-it", "tab\tinside-it"])
def test_unusable_tokens_are_told_and_never_shown(token: str) -> None:
    wrong = problems(TOKENS | {"INGEST_READ_TOKEN": token})
    assert list(wrong) == ["INGEST_READ_TOKEN"]
    assert token not in wrong["INGEST_READ_TOKEN"]


def test_the_tokens_must_differ() -> None:
    wrong = problems({"INGEST_WRITE_TOKEN": "the-same-token", "INGEST_READ_TOKEN": "the-same-token"})
    assert "should differ from the write token" in wrong["INGEST_READ_TOKEN"]


def test_settings_do_not_show_their_tokens() -> None:
    assert "the-write-token" not in repr(read())


def test_tokens_from_files(tmp_path: Path) -> None:
    (tmp_path / "write").write_text("write-from-file\n")
    (tmp_path / "read").write_text("  read-from-file  ")
    settings = from_environment(
        {"INGEST_WRITE_TOKEN_FILE": str(tmp_path / "write"), "INGEST_READ_TOKEN_FILE": str(tmp_path / "read")}
    )
    assert settings.write_token.get_secret_value() == "write-from-file"
    assert settings.read_token.get_secret_value() == "read-from-file"


def test_token_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    wrong = problems(
        {"INGEST_WRITE_TOKEN_FILE": str(tmp_path / "none"), "INGEST_READ_TOKEN_FILE": str(tmp_path / "binary")}
    )
    assert wrong == {
        "INGEST_WRITE_TOKEN_FILE": f"'{tmp_path}/none' cannot be read (No such file or directory)",
        "INGEST_READ_TOKEN_FILE": f"'{tmp_path}/binary' cannot be read (its content is no token)",
    }


def test_a_token_in_a_file_is_checked_under_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    wrong = problems({"INGEST_READ_TOKEN": "the-read-token", "INGEST_WRITE_TOKEN_FILE": str(tmp_path / "empty")})
    assert list(wrong) == ["INGEST_WRITE_TOKEN_FILE"]


def test_a_token_and_its_file_are_too_much(tmp_path: Path) -> None:
    wrong = problems(TOKENS | {"INGEST_READ_TOKEN_FILE": str(tmp_path / "read")})
    assert wrong == {"INGEST_READ_TOKEN_FILE": "should not be set together with INGEST_READ_TOKEN"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:80", Address("0.0.0.0", 80)),
        ("[::]:8080", Address("::", 8080)),
        ("[fe80::1%eth0]:0", Address("fe80::1%eth0", 0)),
        ("localhost:65535", Address("localhost", 65535)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert read(INGEST_LISTEN=text).listen == address
    assert str(address) == text


@pytest.mark.parametrize("text", ["8080", ":8080", "::1:8080", "[::1]", "host:port", "host:65536", "a b:1", "host:-1"])
def test_what_is_no_address(text: str) -> None:
    assert "should be HOST:PORT" in problems(TOKENS | {"INGEST_LISTEN": text})["INGEST_LISTEN"]


@pytest.mark.parametrize(("text", "size"), [("67108864", 2**26), ("64MiB", 2**26), ("1 GB", 10**9)])
def test_sizes(text: str, size: int) -> None:
    assert read(INGEST_RETENTION_BYTES=text).retention_bytes == size


@pytest.mark.parametrize("days", ["0", "nan", "inf", "1e9"])
def test_retention_without_sense(days: str) -> None:
    assert list(problems(TOKENS | {"INGEST_RETENTION_DAYS": days})) == ["INGEST_RETENTION_DAYS"]


def test_empty_variables_count_as_not_set() -> None:
    assert read(INGEST_LISTEN="", INGEST_DATA_DIR="  ", INGEST_WRITE_TOKEN_FILE="") == read()


@pytest.mark.parametrize("key", ["INGEST_SERVICE_HOST", "INGEST_PORT_8080_TCP_ADDR", "INGEST_API_SERVICE_PORT_HTTP"])
def test_what_kubernetes_adds_for_a_service_of_that_name_is_passed_over(key: str) -> None:
    assert read(**{key: "10.0.0.1"}) == read()


def test_other_programs_variables_are_none_of_ours() -> None:
    assert read(SENSOR_INGEST_URL="http://x", PATH="/bin") == read()


LOGINS = {
    "INGEST_READ_TOKEN": "the-read-token",
    "INGEST_HOSTS": "ingest.example.org, ingest.internal,::1",
    "INGEST_AWS_ACCOUNTS": "123456789012,999999999999",
}
KEYS_FILE = {"INGEST_KUBERNETES_ISSUERS": "https://issuer.example", "INGEST_KUBERNETES_KEYS_FILE": "/nowhere/keys.json"}


def test_where_sensors_log_in_no_write_token_is_needed() -> None:
    settings = from_environment(LOGINS)
    assert settings.write_token is None
    assert settings.hosts == ("ingest.example.org", "ingest.internal", "::1")
    assert settings.aws_accounts == ("123456789012", "999999999999")
    assert (settings.aws_roles, settings.kubernetes_service_accounts) == (("*",), ("*/*",))


@pytest.mark.parametrize(
    ("given", "key", "reason"),
    [
        ({"INGEST_HOSTS": ""}, "INGEST_HOSTS", "not set, and logins need it"),
        ({"INGEST_HOSTS": "https://ingest.example.org"}, "INGEST_HOSTS", "should be host names in lower case"),
        ({"INGEST_HOSTS": "Ingest.example.org"}, "INGEST_HOSTS", "should be host names in lower case"),
        ({"INGEST_AWS_ACCOUNTS": "12345"}, "INGEST_AWS_ACCOUNTS", "should be accounts of 12 digits"),
        ({"INGEST_AWS_ACCOUNTS": "*"}, "INGEST_AWS_ACCOUNTS", "should be accounts of 12 digits"),
        (
            {"INGEST_AWS_ROLES": ","},
            "INGEST_AWS_ROLES",
            "separated by commas, has none",
        ),
        ({"INGEST_AWS_ROLES": "path/to/role"}, "INGEST_AWS_ROLES", "should be names or globs, without paths"),
        ({"INGEST_KUBERNETES_ISSUERS": "http://x"}, "INGEST_KUBERNETES_ISSUERS", "that begin with https://"),
        ({"INGEST_KUBERNETES_SERVICE_ACCOUNTS": "web"}, "INGEST_KUBERNETES_SERVICE_ACCOUNTS", "namespace/name"),
        ({"INGEST_LOGIN_KEY": "too-short"}, "INGEST_LOGIN_KEY", "should be 32 or more ASCII characters"),
        ({"INGEST_MAX_LOGINS": "0"}, "INGEST_MAX_LOGINS", "should be greater than or equal to 0.1"),
        (KEYS_FILE, "INGEST_KUBERNETES_KEYS_FILE", "'/nowhere/keys.json' is no file"),
        (KEYS_FILE | {"INGEST_KUBERNETES_ISSUERS": ""}, "INGEST_KUBERNETES_KEYS_FILE", "should name exactly one"),
    ],
)
def test_what_is_wrong_with_logins_is_told(given: dict[str, str], key: str, reason: str) -> None:
    wrong = problems(LOGINS | given)
    assert list(wrong) == [key]
    assert reason in wrong[key]


@pytest.mark.parametrize("key", ["INGEST_AWS_ACCOUNTS", "INGEST_KUBERNETES_ISSUERS"])
def test_a_list_of_nothing_lets_nobody_write(key: str) -> None:
    assert list(problems({"INGEST_READ_TOKEN": "the-read-token", "INGEST_HOSTS": "i", key: " , "})) == [key]


@pytest.mark.parametrize(
    "address", ["https://sts.example.org", "http://sts:9000", "http://127.0.0.1", "http://127.0.0.1:1@evil:80", "x"]
)
def test_nobody_but_a_test_on_this_machine_can_stand_in_for_sts(address: str) -> None:
    wrong = problems(LOGINS | {"INGEST_AWS_STS_FOR_TESTS": address})
    assert wrong == {"INGEST_AWS_STS_FOR_TESTS": "is for tests only: should be http://127.0.0.1:PORT"}


@pytest.mark.parametrize(
    ("write", "read_"), [("same-token\nother-token", "same-token"), ("one-token", "two-token\none-token")]
)
def test_no_line_of_one_token_may_be_one_of_the_other(write: str, read_: str) -> None:
    wrong = problems({"INGEST_WRITE_TOKEN": write, "INGEST_READ_TOKEN": read_})
    assert "should differ from the write token" in wrong["INGEST_READ_TOKEN"]
