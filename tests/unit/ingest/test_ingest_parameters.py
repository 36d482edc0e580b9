import asyncio
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ingest_samples import NOON, READING, client_of, event, open_store, rows
from starlette.datastructures import QueryParams

from ingest.answers import Refused
from ingest.parameters import Filters, Listing, Nothing, parsed
from ingest.store.protocol import Query


def query(text: str) -> Query:
    return parsed(Listing, QueryParams(text)).query()


def refusal(text: str) -> str:
    with pytest.raises(Refused) as caught:
        query(text)
    assert caught.value.status == 400
    return caught.value.reason


def test_without_parameters_the_newest_hundred_are_asked_for() -> None:
    assert query("") == Query(newest_first=True, limit=100)


def test_every_parameter_reaches_the_store() -> None:
    text = "task=t&container=app&entity=e&pid=7&lane=urgent&q=x&order=asc&limit=5&cursor=9&kind=dns.query"
    assert query(text) == Query("t", ("dns.query",), "app", "e", 7, None, None, "urgent", "x", False, 5, 9)


@pytest.mark.parametrize(
    "text",
    ["kind=process.exec&kind=dns.query", "kind=process.exec,dns.query", "kind=process.exec,dns.query&kind=dns.query"],
)
def test_kinds_may_be_repeated_or_listed(text: str) -> None:
    assert query(text).kinds == ("process.exec", "dns.query")


def test_a_family_stands_for_its_kinds() -> None:
    assert query("kind=process").kinds == ("process.exec", "process.exit", "process.identity")
    assert query("kind=detection,dns").kinds == ("detection", "dns.query")


def test_an_empty_container_asks_for_what_ran_in_none() -> None:
    assert query("container=").container == ""
    assert query("").container is None


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2023-11-14T22:13:20Z", NOON),
        ("2023-11-14T22:13:20.000000001Z", NOON + 1),
        ("2023-11-14T23:13:20%2B01:00", NOON),
        ("2023-11-14t16:43:20.5-05:30", NOON + 500_000_000),
    ],
)
def test_times(text: str, ns: int) -> None:
    assert query(f"since={text}&until={text}")[5:7] == (ns, ns)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20 01:00",
        "2023-13-01T00:00:00Z",
        "1700000000",
        "",
    ],
)
def test_what_is_no_time(text: str) -> None:
    assert refusal(f"since={text}").startswith("since: should be an RFC 3339 time")


def test_all_that_is_wrong_is_named() -> None:
    reason = refusal("limit=0&order=up&pid=-1&kind=proces.exec&lane=fast&q=&tsk=1&cursor=x&until=now&entity=a&entity=b")
    wrong = {part.split(":")[0] for part in reason.split("; ")}
    assert wrong == {"limit", "order", "pid", "kind", "lane", "q", "'tsk'", "cursor", "until", "entity"}
    assert "did you mean task?" in reason


def test_of_thousands_that_are_unknown_ten_are_named() -> None:
    reason = refusal("&".join(f"tas{n}=1" for n in range(9000)) + "&limit=0")
    assert reason.count("no such parameter") == 10
    assert "and 8990 more that are no parameters" in reason
    assert "limit: should be" in reason


@pytest.mark.parametrize("text", ["limit=1001", "cursor=-1", "pid=99999999999999999999", "q=" + "x" * 201, "kind="])
def test_bounds(text: str) -> None:
    assert refusal(text).startswith(text.split("=")[0])


def test_a_stream_has_no_order_limit_or_cursor() -> None:
    with pytest.raises(Refused, match="'cursor': no such parameter"):
        parsed(Filters, QueryParams("cursor=1"))


def test_routes_without_parameters_refuse_any() -> None:
    with pytest.raises(Refused, match="'task': no such parameter"):
        parsed(Nothing, QueryParams("task=t"))


VALUES = {
    "order": st.sampled_from(["asc", "desc"]),
    "lane": st.sampled_from(["urgent", "ordinary"]),
    "kind": st.sampled_from(["process", "dns.query,detection"]),
    "limit": st.integers(1, 1000).map(str),
    "cursor": st.integers(0, 2**63 - 1).map(str),
    "pid": st.integers(0, 2**63 - 1).map(str),
}
TIMES = st.datetimes().map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0"))
PAIRS = st.sampled_from([*Listing.model_fields, "x"]).flatmap(
    lambda name: st.tuples(
        st.just(name),
        TIMES | st.text(max_size=30)
        if name in ("since", "until")
        else VALUES.get(name, st.nothing()) | st.text(max_size=30),
    )
)


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asked")


@settings(max_examples=150, deadline=None)
@given(st.lists(PAIRS, max_size=4))
@example([("since", "0001-01-01T00:00:00Z")])
@example([("until", "9999-12-31T23:59:59Z")])
def test_anything_is_answered_by_the_store_or_refused(module_store: Path, pairs: list[tuple[str, str]]) -> None:
    async def status() -> int:
        store = open_store(module_store)
        try:
            await store.append(rows(event(1)))  # an empty store would not look
            async with client_of(store) as client:
                return (await client.get("/v1/events", params=pairs, headers=READING)).status_code
        finally:
            await store.aclose()

    try:
        query = parsed(Listing, QueryParams(pairs)).query()
    except Refused:
        assert asyncio.run(status()) == 400
    else:
        assert isinstance(query, Query)
        assert asyncio.run(status()) == 200
