"""The last secrets that were sent show in no error."""

from shippers.sent_secrets import MOST, SentSecrets


def test_the_last_are_hidden_and_the_oldest_goes_first() -> None:
    sent = SentSecrets("<token>")
    for number in range(MOST + 1):
        sent.remember(f"t{number}")
    assert sent.hide("t0 t1 t4") == "t0 <token> <token>"


def test_one_that_is_sent_again_is_the_latest() -> None:
    sent = SentSecrets("<token>")
    for token in ("t0", "t1", "t2", "t3", "t0", "t4"):
        sent.remember(token)
    assert sent.hide("t0 t1 t2") == "<token> t1 <token>"


def test_those_that_were_sent_together_are_hidden_together() -> None:
    sent = SentSecrets("<secret>")
    sent.remember("key", "token")
    assert sent.hide("a key, a token") == "a <secret>, a <secret>"
