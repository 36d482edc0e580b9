"""Which variables of the environment are settings, for those too who need no more than their names."""

PREFIX = "SENSOR_"

ELSEWHERE = (
    ("AWS_DEFAULT_REGION", "aws_region"),
    ("AWS_REGION", "aws_region"),
    ("AWS_ACCESS_KEY_ID", "aws_access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"),
    ("AWS_SESSION_TOKEN", "aws_session_token"),
)
"""Variables of AWS that stand for settings too; the later ones win, and `SENSOR_*` before all."""
