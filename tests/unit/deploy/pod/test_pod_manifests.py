"""`fargate-sensor inject pod`: manifests with the sensor, injected again, and given back byte for byte."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pods import INJECTED, LEFT_ALONE

from deploy.commands.inject import main
from deploy.documents.stream import Stream
from deploy.pod import manifest

FOLDER = Path(__file__).parents[3] / "data" / "manifests"
FILES = sorted(FOLDER.iterdir())
OPTIONS = ["--image", "registry.example.org/fargate-sensor:1", "--ingest-url", "https://ingest.example.org"]
WAYS = {
    "ordinary": OPTIONS,
    "native": [*OPTIONS, "--mode", "native", "--pull-secrets", "own,regcred"],
    "restricted": [*OPTIONS, "--security", "same-uid", "--no-spool", "--token-secret", "ingest/write"],
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMAGE", "INGEST_URL", "MODE"):
        monkeypatch.delenv(f"FARGATE_SENSOR_{name}", raising=False)


class Run:
    """The command with standard input, and what it said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capfd = monkeypatch, capfd
        self.said = ""

    def __call__(self, content: bytes, *argv: str, code: int = 0) -> bytes:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert main(["pod", "-", *argv]) == code
        out, self.said = self._capfd.readouterr()
        return out.encode()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capfd)


def pods(content: bytes) -> list[Any]:
    return [one.raw for one in manifest.pods(Stream(content)).pods]


def first(content: bytes) -> Any:
    return json.JSONDecoder().raw_decode(content.decode())[0]


def names(pod: Any) -> list[str]:
    return [one["name"] for key in ("initContainers", "containers") for one in pod["spec"].get(key) or ()]


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_second_run_changes_nothing_and_removal_gives_the_file_back(file: Path, options: list[str], run: Run) -> None:
    before = file.read_bytes()
    after = run(before, *options)
    assert all(names(one).count("fargate-sensor") == 1 for one in pods(after))
    assert len(pods(after)) == len(pods(before)) > 0
    assert run(after, *options) == after
    if file.name in ("aliases.yaml", "merge_keys.yaml"):  # what their aliases stood for is written out now
        assert [dict(one) for one in pods(run(after, "--remove"))] == [dict(one) for one in pods(before)]
    else:
        assert run(after, "--remove") == before


@pytest.mark.parametrize("pod", INJECTED.values(), ids=INJECTED)
def test_every_pod_comes_back_as_it_was(pod: Any, run: Run) -> None:
    options = WAYS["native" if "initContainers" in pod["spec"] else "ordinary"]
    text = json.dumps({"apiVersion": "v1", "kind": "Pod"} | pod, indent=1).encode()
    after = run(text, *options)
    assert names(pods(after)[0]).count("fargate-sensor") == 1
    assert run(after, "--remove") == text


@pytest.mark.parametrize("name", ["plain", "without_metadata", "init_container", "empty_lists", "names_to_escape"])
def test_pods_come_back_from_yaml(name: str, run: Run) -> None:
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "Pod"} | INJECTED[name], sort_keys=False, width=1000).encode()
    assert run(run(text, *WAYS["native"]), "--remove") == text


def test_the_rest_of_the_text_stays(run: Run) -> None:
    after = run((FOLDER / "shop.yaml").read_bytes(), *OPTIONS).decode()
    kept = iter(after.splitlines())
    assert all(line in kept for line in (FOLDER / "shop.yaml").read_text().splitlines())


def test_an_alias_is_written_out_so_that_the_other_pod_keeps_its_own(run: Run) -> None:
    after = run((FOLDER / "aliases.yaml").read_bytes(), *OPTIONS)
    assert [len(one["spec"]["volumes"]) for one in pods(after)] == [3, 3]
    assert [len(one["metadata"]["annotations"]) for one in pods(after)] == [3, 3]
    assert "note: Pod first: what an alias or a merge key stands for is written out" in run.said


def test_what_changes_for_the_app_is_told_by_its_place(run: Run) -> None:
    run((FOLDER / "shop.yaml").read_bytes(), *OPTIONS, "--pull-secrets", "regcred")
    assert "warning: Deployment shop: worker: /init wants to be PID 1, which it is not in a pod that shares PIDs" in (
        run.said
    )
    assert "note: CronJob bill: the containers share their processes from now on" in run.said
    assert "note: CronJob bill: it has imagePullSecrets of its own from now on" in run.said


def test_without_a_record_only_what_bears_the_sensors_names_goes(run: Run) -> None:
    after = first(run((FOLDER / "two.json").read_bytes(), *OPTIONS))
    del after["metadata"]["annotations"]["fargate-sensor/before-injection"]
    back = json.loads(run(json.dumps(after).encode(), "--remove"))
    assert back["spec"] == {
        "containers": [{"name": "app", "image": "app:1"}],
        "shareProcessNamespace": True,
        "volumes": [],
    }
    assert run.said == (
        "fargate-sensor inject: note: Pod one: it has no record of what was before the sensor: the rest of the pod "
        "stays\n"
    )


@pytest.mark.parametrize("record", ["{}", "[", '{"added":["/spec/containers"],"was":{"/spec":1},"pull_secrets":[3]}'])
def test_a_record_that_somebody_wrote_undoes_nothing_else(record: str, run: Run) -> None:
    after = first(run((FOLDER / "two.json").read_bytes(), *OPTIONS))
    after["metadata"]["annotations"]["fargate-sensor/before-injection"] = record
    back = json.loads(run(json.dumps(after).encode(), "--remove"))
    assert [one["name"] for one in back["spec"]["containers"]] == ["app"]


def test_what_is_left_alone_is_written_as_it_is_with_the_reason(run: Run) -> None:
    (pod, _) = LEFT_ALONE["windows"]
    text = json.dumps(pod).encode()
    assert run(text, *OPTIONS) == text
    assert run.said == (
        "fargate-sensor inject: warning: Pod shop-1: no sensor was put into this pod: it does not run on Linux\n"
    )


def test_nothing_to_take_out(run: Run) -> None:
    text = (FOLDER / "shop.yaml").read_bytes()
    assert run(text, "--remove") == text
    assert "note: Deployment shop: there is no fargate-sensor in it" in run.said


def test_a_kind_that_is_not_known_is_told(run: Run) -> None:
    rollout = (
        b"apiVersion: argoproj.io/v1\nkind: Rollout\nmetadata: {name: r}\nspec: {template: {spec: {containers: []}}}\n"
    )
    pod = b"---\napiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\n"
    assert run(rollout + pod, *OPTIONS).startswith(rollout)
    assert "note: Rollout r: this kind is not known, what it makes gets no sensor from here" in run.said
    other = b"apiVersion: batch.volcano.sh/v1\nkind: Job\nspec: {tasks: []}\n"
    run(other, *OPTIONS, code=1)
    assert "no pod, and nothing that makes pods" in run.said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no pod, and nothing that makes pods"),
        (b"a: b\n---\nc: [\n", "standard input:3: no YAML"),
        (b'{"a": ]', "standard input:1: no YAML"),
        (b'{"a": 1, "a": 2}', 'no JSON: the key "a" stands twice'),
        (b"[" * 20_000, "nested too deeply"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "nested too deeply"),
        (
            b"&x\nkind: XList\nitems: [*x]\n",
            "standard input:1: a list that has itself as an item",
        ),
        (b"kind: {}\napiVersion: []\n", "no pod, and nothing that makes pods"),
        (b"a: \xff", "standard input:1: no UTF-8: byte 0xff"),
        (
            b"\n---\napiVersion: v1\nkind: Deployment\nmetadata: {name: x}\n",
            "3: Deployment x: spec.template is no object",
        ),
        (b"apiVersion: v1\nkind: Pod\nspec: 3\n", "standard input: Pod without a name: spec is no object"),
        (b"apiVersion: v1\nkind: Pod\nspec: {containers: [a]}\n", "spec.containers is no list of objects"),
        (b"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}], imagePullSecrets: a}\n", "imagePullSecrets"),
    ],
)
def test_malformed_input_is_one_line(content: bytes, said: str, run: Run) -> None:
    assert run(content, *OPTIONS, code=1) == b""
    assert said in run.said
    assert run.said.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--image or FARGATE_SENSOR_IMAGE is needed"),
        (["--image", "x"], "--ingest-url or --destination is needed"),
        ([*OPTIONS, "--mode", "odd"], "--mode: 'odd' is none of auto, native, ordinary"),
        ([*OPTIONS, "--token-secret", "Not A Name"], "--token-secret: expected NAME or NAME/KEY of a secret"),
        ([*OPTIONS, "--env", "SENSOR_INGEST_TOKEN=s3cret"], "--env: SENSOR_INGEST_TOKEN would stand in the document"),
        ([*OPTIONS, "--env", "SENSOR_NOPE=s3cret"], "--env: SENSOR_NOPE: no such setting; "),
        ([*OPTIONS, "--env", "SENSOR_CPUS=s3cret"], "--env: SENSOR_CPUS: should be a valid number"),
        ([*OPTIONS, "--cluster-version", "x"], "--cluster-version: 'x' is no version of Kubernetes"),
        ([*OPTIONS, "--resources", '{"limits": {"cpu": "much"}}'], "--resources: limits.'cpu' is no quantity"),
        ([*OPTIONS, "--resources", "[]"], "--resources: expected JSON with requests and limits"),
        ([*OPTIONS, "--pull-secrets", "a,B"], "--pull-secrets: expected the names of secrets"),
        ([*OPTIONS, "--opt", "maybe"], "--opt: 'maybe' is none of in, out"),
    ],
)
def test_wrong_usage(argv: list[str], said: str, run: Run) -> None:
    assert run((FOLDER / "shop.yaml").read_bytes(), *argv, code=2) == b""
    assert said in run.said
    assert "s3cret" not in run.said


def test_everything_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    wished = {
        "IMAGE": "registry.example.org/s:2",
        "INGEST_URL": "https://ingest.example.org",
        "DESTINATIONS": "stdout,kinesis:security",
        "TOKEN_SECRET": "ingest",
        "ENV": "SENSOR_FOLD=off\nSENSOR_DAILY_MB=20\n",
        "MODE": "auto",
        "CLUSTER_VERSION": "v1.31.4-eks-2d5f260",
        "SECURITY": "same-uid",
        "SPOOL": "false",
        "RESOURCES": '{"requests": {"cpu": 0.25, "memory": "64Mi"}, "limits": {}}',
        "PULL_SECRETS": "a, b",
        "OPT": "",
    }
    for name, value in wished.items():
        monkeypatch.setenv(f"FARGATE_SENSOR_{name}", value)
    (pod, _) = pods(run((FOLDER / "shop.yaml").read_bytes()))
    (sensor,) = pod["spec"]["initContainers"]
    said = {one["name"]: one.get("value", one.get("valueFrom")) for one in sensor["env"]}
    assert sensor["restartPolicy"] == "Always"
    assert sensor["image"] == "registry.example.org/s:2"
    assert sensor["resources"] == {"requests": {"cpu": "0.25", "memory": "64Mi"}}
    assert sensor["securityContext"]["runAsNonRoot"] is True
    assert said["SENSOR_DESTINATIONS"] == "ingest_http,stdout,kinesis"
    assert (said["SENSOR_FOLD"], said["SENSOR_DAILY_MB"]) == ("off", "20")
    assert said["SENSOR_INGEST_TOKEN"]["secretKeyRef"] == {"name": "ingest", "key": "token", "optional": True}
    assert "SENSOR_SPOOL_DIR" not in said
    assert [one["name"] for one in pod["spec"]["imagePullSecrets"]] == ["a", "b"]
