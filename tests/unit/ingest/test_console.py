"""The console's files as they are served, what they may never contain, and its JavaScript's own tests."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import httpx
import pytest
from starlette.applications import Starlette

from ingest import console
from sensor.model.kinds import Kind

STATIC = console.FOLDER / "static"
VENDOR = console.FOLDER / "vendor"
OWN_CODE = sorted(STATIC.glob("*.js"))
SERVED = sorted(
    f.relative_to(console.FOLDER).as_posix()
    for folder in (STATIC, VENDOR)
    for f in folder.rglob("*")
    if f.suffix in console.CONTENT_TYPES
)


async def get(path: str, headers: dict[str, str] | None = None, method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(app=Starlette(routes=console.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://console") as client:
        return await client.request(method, path, headers=headers)


async def test_the_page_is_at_the_root() -> None:
    answer = await get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content == (STATIC / "index.html").read_bytes()


@pytest.mark.parametrize("path", SERVED)
async def test_every_file_is_served_whole_with_its_type(path: str) -> None:
    answer = await get(f"/console/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == console.CONTENT_TYPES[PurePosixPath(path).suffix]
    assert answer.content == (console.FOLDER / path).read_bytes()


@pytest.mark.parametrize("path", ["/", "/console/static/app.js", "/console/static/icon.svg", "/console/none"])
async def test_every_answer_has_the_strict_headers(path: str) -> None:
    headers = (await get(path)).headers
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'none'" in policy
    assert not re.search(r"unsafe|\*|https?:", headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/console/__init__.py",
        "/console/package.json",
        "/console/vendor/README.md",
        "/console/static/%2e%2e/__init__.py",
        "/console/static/..%2f..%2fserver.py",
        "/console/%2e%2e/%2e%2e/pyproject.toml",
        "/console//etc/passwd",
        "/console/%2fetc%2fpasswd",
        "/console/static%2fapp.js%00",
        "/console/static",
        "/console/",
    ],
)
async def test_nothing_else_is_served(path: str) -> None:
    answer = await get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    first = await get("/console/static/app.js")
    etag = first.headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await get("/console/static/app.js", {"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    changed = await get("/console/static/app.js", {"If-None-Match": '"other"'})
    assert changed.status_code == 200


async def test_only_files_with_a_version_in_their_path_are_kept_without_asking() -> None:
    own = await get("/console/static/app.js")
    vendored = await get(f"/console/{next(path for path in SERVED if path.startswith('vendor/'))}")
    assert own.headers["cache-control"] == "no-cache"
    assert "immutable" in vendored.headers["cache-control"]


async def test_reading_is_all_that_is_possible() -> None:
    assert (await get("/", method="HEAD")).status_code == 200
    assert (await get("/", method="POST")).status_code == 405
    assert (await get("/console/static/app.js", method="PUT")).status_code == 405


class _Page(HTMLParser):
    """Collects what the policy would refuse, and the files that the page names."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.files: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.refused.append(tag)
        self.refused += [name for name in given if name == "style" or name.startswith("on")]
        self.files += [value for name in ("src", "href") if (value := given.get(name))]


async def test_the_page_has_nothing_inline_and_names_only_files_that_are_there() -> None:
    page = _Page()
    page.feed((STATIC / "index.html").read_text())
    assert page.refused == []
    assert len(page.files) >= 3
    for file in page.files:
        assert (await get(file)).status_code == 200, file


@pytest.mark.parametrize("file", OWN_CODE, ids=lambda file: file.name)
def test_own_code_makes_no_markup_or_code_from_text(file: Path) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|createContextualFragment"
        r"|setHTMLUnsafe|\beval\b|new Function|srcdoc|javascript:|cssText"
    )
    assert re.findall(forbidden, file.read_text()) == []


@pytest.mark.parametrize("file", OWN_CODE, ids=lambda file: file.name)
def test_own_code_names_no_other_host(file: Path) -> None:
    assert re.findall(r"https?://|['\"`]//", file.read_text().replace('"http://www.w3.org', "")) == []


def test_the_stylesheet_loads_nothing() -> None:
    assert re.findall(r"url\(|@import", (STATIC / "style.css").read_text()) == []


def test_every_import_is_served_and_every_module_is_used() -> None:
    used, waiting = set(), [STATIC / "app.js"]
    while waiting:
        file = waiting.pop()
        if file in used:
            continue
        used.add(file)
        assert file.relative_to(console.FOLDER).as_posix() in SERVED
        if file.parent == STATIC:
            named = re.findall(r'^(?:import|export) .*?from "(.+?)";', file.read_text(), re.MULTILINE)
            waiting += [(file.parent / name).resolve() for name in named]
    assert set(OWN_CODE) <= used


def test_vendored_files_are_those_of_the_readme() -> None:
    listed = dict(re.findall(r"^\| `(.+?)` \| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE))
    there = {
        f.relative_to(VENDOR).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in VENDOR.rglob("*")
        if f.is_file() and f.name != "README.md"
    }
    assert there == listed
    assert all((folder / "LICENSE").is_file() for folder in VENDOR.iterdir() if folder.is_dir())


def test_the_console_knows_every_kind_of_event() -> None:
    signs = re.search(r"const SIGNS = \{(.+?)\};", (STATIC / "kinds.js").read_text(), re.DOTALL)
    assert signs is not None
    assert re.findall(r'^ *"?([a-z.]+)"?: "', signs[1], re.MULTILINE) == [str(kind) for kind in Kind]


def test_the_javascript_passes_its_own_tests(need: Callable[[bool, str], None]) -> None:
    node = shutil.which("node")
    need(node is not None, "node 20 or later runs the console's own tests")
    assert node is not None
    files = sorted((Path(__file__).parent / "console").glob("*.test.mjs"))
    assert files
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
