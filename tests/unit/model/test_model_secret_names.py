"""Which variables of an environment hold secrets."""

import pytest

from sensor.model.secret_names import is_secret_variable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "abc"),
        ("DB_PASSWORD", "hunter2"),
        ("GITHUB_TOKEN", "x"),
        ("MYSQL_PWD", "abc"),
        ("DATABASE_URL", "postgres://shop:hunter2@db.example.org/shop"),
        ("BROKER", "amqp://u:p@mq"),
    ],
)
def test_by_name_or_as_a_url_with_a_password(name: str, value: str) -> None:
    assert is_secret_variable(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/4"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/secrets/token"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token"),
        ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/1"),
        ("DB_SECRET", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db"),
        ("DB_PASSWORD", ""),
        ("USE_TOKEN", "false"),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "1"),
        ("MYSQL_RANDOM_ROOT_PASSWORD", "1"),
        ("REQUIRE_AUTH", "0"),
        ("ENABLE_AUTH", "on"),
        ("DISABLE_AUTH", "OFF"),
        ("PWD", "/app"),
        ("PWD", "/"),
        ("PWD", "/srv/data/"),
        ("OLDPWD", "/var/my app"),
        ("GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"),
        ("DATABASE_URL", "postgres://db.example.org/shop"),
        ("DATABASE_URL", "postgres://shop:$DB_PASSWORD@db.example.org/shop"),
        ("NO_PROXY", "localhost"),
    ],
)
def test_what_platforms_and_people_set_without_giving_anything_away(name: str, value: str) -> None:
    assert not is_secret_variable(name, value)
