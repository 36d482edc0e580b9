import json
import os
import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from pods import INJECTED, LEFT_ALONE, annotated, app, limited, pod

from deploy.pod.inject import NOBODY, Injection, inject
from deploy.pod.patch import apply
from deploy.pod.wishes import SecretKey, Wishes
from deploy.sidecar import destinations
from deploy.webhook.review import LONGEST_WARNING
from sensor.config.validate import check, mistakes
from sensor.containers.pod_labels import USUAL_FILE

INGEST = destinations.ingest("https://ingest.example.org:8443")
WISHES = Wishes("registry.example.org/fargate-sensor:0.1.0", (INGEST,))
NATIVE = replace(WISHES, mode="native")
FORMS = {"native": NATIVE, "container": WISHES, "same_uid": replace(WISHES, security="same-uid")}


def injected(before: Any, wishes: Wishes = WISHES) -> tuple[Any, Injection]:
    after, found = deepcopy(before), inject(before, wishes)
    apply(after, found.patch)
    return after, found


def sensor(after: Any) -> dict[str, Any]:
    spec = after["spec"]
    every = [*(spec.get("initContainers") or ()), *spec["containers"]]
    (found,) = [one for one in every if one["name"] == "fargate-sensor"]
    return dict(found)


def variables(after: Any) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in sensor(after)["env"]}


@pytest.mark.parametrize("wishes", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("before", INJECTED.values(), ids=INJECTED)
def test_a_second_pass_changes_nothing_and_the_app_stays(before: Any, wishes: Wishes) -> None:
    untouched = deepcopy(before)
    after, _ = injected(before, wishes)
    assert before == untouched
    again, second = injected(after, wishes)
    assert again == after
    assert (second.patch, second.warnings, second.left_alone) == ((), (), "injected")
    assert after["spec"]["shareProcessNamespace"] is True
    assert [one for one in after["spec"]["containers"] if one["name"] != "fargate-sensor"] == before["spec"][
        "containers"
    ]
    assert len({one["name"] for one in after["spec"]["volumes"]}) == len(after["spec"]["volumes"])
    assert "add" not in sensor(after)["securityContext"].get("capabilities", {})


@pytest.mark.parametrize(("before", "word"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_left_alone_with_the_reason(before: Any, word: str) -> None:
    after, found = injected(before)
    assert after == before
    assert found.patch == ()
    assert len(found.warnings) == 1
    assert word in found.warnings[0]


def test_the_patch_has_pointers_with_escapes() -> None:
    paths = {one["path"]: one["op"] for one in inject(INJECTED["names_to_escape"], WISHES).documents()}
    assert paths == dict.fromkeys(
        [
            "/spec/shareProcessNamespace",
            "/spec/containers/-",
            "/spec/volumes",
            "/metadata/annotations/fargate-sensor~1status",
        ],
        "add",
    )


@pytest.mark.parametrize(
    ("mode", "version", "native"),
    [
        ("auto", None, False),
        ("auto", (1, 28), False),
        ("auto", (1, 29), True),
        ("auto", (2, 0), True),
        ("native", (1, 20), True),
        ("ordinary", (1, 33), False),
    ],
)
def test_native_by_setting_and_version(mode: Any, version: Any, native: bool) -> None:
    after, _ = injected(INJECTED["init_container"], replace(WISHES, mode=mode, cluster_version=version))
    assert (sensor(after).get("restartPolicy") == "Always") is native
    assert (after["spec"]["initContainers"][0]["name"] == "fargate-sensor") is native


def test_root_without_more_whatever_the_pod_says() -> None:
    assert sensor(injected(INJECTED["non_root"])[0])["securityContext"] == {
        "runAsUser": 0,
        "runAsGroup": 0,
        "runAsNonRoot": False,
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
    }


@pytest.mark.parametrize(
    ("name", "uid", "word"),
    [
        ("restricted", 1000, "own user"),
        ("three_users", 7, "own user"),
        ("two_are_root", 7, "own user"),
        ("plain", NOBODY, "by number"),
    ],
)
def test_the_apps_own_user_where_root_is_forbidden(name: str, uid: int, word: str) -> None:
    after, found = injected(INJECTED[name], FORMS["same_uid"])
    context = sensor(after)["securityContext"]
    assert context.pop("runAsUser") == uid
    assert context == {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert after["metadata"]["annotations"]["fargate-sensor/status"] == "ordinary same-uid"
    assert word in found.warnings[0]


def test_what_the_sensor_is_told_of_its_pod() -> None:
    said = variables(injected(INJECTED["exec_probes"])[0])
    assert said["SENSOR_POD_UID"] == {"fieldRef": {"fieldPath": "metadata.uid"}}
    capacity = {"fieldRef": {"fieldPath": "metadata.annotations['CapacityProvisioned']"}}
    assert said["SENSOR_POD_CAPACITY"] == capacity
    assert json.loads(said["SENSOR_PROBE_COMMANDS"]) == [["/bin/up", "--quiet"]]
    assert json.loads(said["SENSOR_CONTAINER_IMAGES"])[1] == ["b", "registry.example.org/b:1"]
    begun = pod(initContainers=[app("first", livenessProbe={"exec": {"command": ["/first", "up"]}})])
    began = variables(injected(begun)[0])
    assert [name for name, _ in json.loads(began["SENSOR_CONTAINER_IMAGES"])] == ["first", "app"]
    assert json.loads(began["SENSOR_PROBE_COMMANDS"]) == [["/first", "up"]]
    assert said["SENSOR_INGEST_URL"] == "https://ingest.example.org:8443"


@pytest.mark.parametrize("wishes", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("before", INJECTED.values(), ids=INJECTED)
def test_the_sensor_takes_what_it_is_told(before: Any, wishes: Wishes) -> None:
    said = {name: value for name, value in variables(injected(before, wishes)[0]).items() if isinstance(value, str)}
    assert check(said | {"SENSOR_INGEST_TOKEN": "t"}).problems == ()


@pytest.mark.parametrize(
    ("name", "cpus"),
    [
        ("plain", None),
        ("limits", "0.25"),
        ("limits_of_two", "3.5"),
        ("limit_of_one", None),
        ("pod_limits", "2"),
        ("odd_limit", None),
    ],
)
def test_cores_by_the_limits(name: str, cpus: str | None) -> None:
    assert variables(injected(INJECTED[name])[0]).get("SENSOR_CPUS") == cpus


@pytest.mark.parametrize(
    ("cpu", "cpus"),
    [("9m", None), ("10m", "0.01"), ("1024", "1024"), ("1025", None)]
    + [(odd, None) for odd in ("two", "", "m", "NaN", "Infinity", "1e99", "1e400000m", True, [2])],
)
def test_cores_that_the_setting_takes(cpu: Any, cpus: str | None) -> None:
    assert variables(injected(pod(limited(cpu)))[0]).get("SENSOR_CPUS") == cpus


def test_no_more_is_handed_over_than_the_settings_take() -> None:
    probed = [app(f"c{n}", livenessProbe={"exec": {"command": [f"/up{n}"]}}) for n in range(70)]
    said = variables(injected(pod(*probed))[0])
    assert [len(json.loads(said[f"SENSOR_{name}"])) for name in ("CONTAINER_IMAGES", "PROBE_COMMANDS")] == [64, 64]
    assert mistakes({name: value for name, value in said.items() if isinstance(value, str)}) == ()


@pytest.mark.parametrize(
    ("name", "wished", "deadline"),
    [
        ("plain", None, None),
        ("short_grace", None, "5"),
        ("no_grace", None, "1"),
        ("long_grace", None, None),
        ("plain", "60", "25"),
        ("plain", "20", "20"),
        ("short_grace", "3.5", "3.5"),
        ("short_grace", "20", "5"),
        ("long_grace", "60", "60"),
    ],
)
def test_the_stop_fits_the_pods_grace(name: str, wished: str | None, deadline: str | None) -> None:
    wishes = replace(WISHES, variables={} if wished is None else {"SENSOR_STOP_DEADLINE": wished})
    assert variables(injected(INJECTED[name], wishes)[0]).get("SENSOR_STOP_DEADLINE") == deadline


@pytest.mark.parametrize(
    ("name", "wishes", "ends"),
    [("job", WISHES, True), ("job_on_failure", WISHES, True), ("job", NATIVE, False), ("plain", WISHES, False)],
)
def test_a_job_ends(name: str, wishes: Wishes, ends: bool) -> None:
    assert ("SENSOR_EXIT_WHEN_ALONE" in variables(injected(INJECTED[name], wishes)[0])) is ends


def test_the_service_accounts_token_is_for_the_ingest() -> None:
    (volume,) = [v for v in injected(pod())[0]["spec"]["volumes"] if v["name"] == "fargate-sensor-identity"]
    token, _ = volume["projected"]["sources"]
    assert token["serviceAccountToken"]["audience"] == "ingest.example.org"


def test_no_token_is_made_where_nothing_goes_to_an_ingest() -> None:
    url = {"SENSOR_INGEST_URL": "https://ingest.example.org"}
    elsewhere = replace(WISHES, destinations=(destinations.parse("kinesis:security"),), variables=url)
    assert "serviceAccountToken" not in str(injected(pod(), elsewhere)[0]["spec"]["volumes"])


def test_a_secret_that_may_be_missing_instead() -> None:
    after, _ = injected(pod(), replace(WISHES, token_secret=SecretKey("ingest", "token")))
    reference = {"secretKeyRef": {"name": "ingest", "key": "token", "optional": True}}
    assert variables(after)["SENSOR_INGEST_TOKEN"] == reference
    assert "serviceAccountToken" not in str(after["spec"]["volumes"])


def test_no_token_where_no_ingest_is_and_no_spool_where_none_is_wanted() -> None:
    after, _ = injected(pod(), replace(WISHES, destinations=(destinations.parse("stdout"),), spool=False))
    labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    assert after["spec"]["volumes"] == [
        {"name": "fargate-sensor-identity", "projected": {"sources": [{"downwardAPI": {"items": [labels]}}]}}
    ]
    (mount,) = sensor(after)["volumeMounts"]
    assert os.path.join(mount["mountPath"], "labels") == USUAL_FILE


def test_hooks_are_no_sessions_and_what_they_do_to_other_processes_is_told() -> None:
    after, found = injected(INJECTED["hooks"])
    assert [command[-1] for command in json.loads(variables(after)["SENSOR_PROBE_COMMANDS"])] == [
        "--quiet",
        "pkill -HUP web",
        "sleep 5; kill -s QUIT 1",
    ]
    assert found.warnings == (
        "app: its lifecycle hook looks for processes by name (pkill), and will see those of all containers of the pod",
        "app: its lifecycle hook asks for PID 1, which is the pod's pause process now",
    )


def test_annotations_of_the_pod() -> None:
    assert sensor(injected(INJECTED["own_image"])[0])["image"] == "other.example.org/sensor:2"
    assert variables(injected(INJECTED["own_variable"])[0])["SENSOR_DAILY_MB"] == "20"


def expanded(value: str) -> str:
    """What Kubernetes makes of a value where none of the names is known (third_party/forked/golang/expansion)."""
    return re.sub(r"\$(\$|\(\w+\))", lambda found: "$" if found[1] == "$" else found[0], value)


@pytest.mark.parametrize("path", ["/data/$(HOME)/$$/*", "$$(HOME)", "$$$(A)$", "/$", "/a$b$$"])
def test_dollars_reach_the_sensor_as_they_were_written(path: str) -> None:
    written = variables(injected(annotated(env__SENSOR_DROP_PATHS=path))[0])["SENSOR_DROP_PATHS"]
    assert expanded(written) == path
    assert "$(" not in written.replace("$$", "")


def test_what_is_filled_in_before_the_pod_is_made_stays_and_what_nobody_fills_in_is_no_number() -> None:
    after, found = injected(annotated(env__SENSOR_DAILY_MB="${BUDGET}", env__SENSOR_CPUS="$(CPUS)"))
    assert variables(after)["SENSOR_DAILY_MB"] == "${BUDGET}"
    assert "SENSOR_CPUS" not in variables(after)
    assert "SENSOR_CPUS: should be a valid number" in found.warnings[0]


def test_a_destination_that_lacks_its_name_is_told() -> None:
    parked = "a destination of the sensor needs it, and without it nothing is collected"
    assert injected(annotated(env__SENSOR_DESTINATIONS="kinesis,ingest_http"))[1].warnings == (
        f"SENSOR_KINESIS_STREAM is not set: {parked}",
    )
    named = annotated(env__SENSOR_DESTINATIONS="kinesis", env__SENSOR_KINESIS_STREAM="security")
    assert injected(named)[1].warnings == ()


def test_a_pod_in_the_network_of_its_node_is_told_whose_connections_it_will_see() -> None:
    (line,) = injected(pod(hostNetwork=True))[1].warnings
    assert line.startswith("hostNetwork: connections and DNS queries of the whole node are seen")
    assert len(line) <= LONGEST_WARNING
    for said in ("true", "false"):
        decided = annotated(env__SENSOR_NETWORK=said) | {"spec": pod(hostNetwork=True)["spec"]}
        assert injected(decided)[1].warnings == ()
    assert injected(pod(hostNetwork=False))[1].warnings == ()


@pytest.mark.parametrize(
    ("url", "audience", "count"),
    [
        ("https://${Ingest_HOST}:8443/x", "${Ingest_HOST}", 0),
        ("https://In.${HOST}.example.org", "In.${HOST}.example.org", 0),
        ("https://In.example.org/${PATH}", "in.example.org", 0),
        ("${URL}", None, 1),
        ("https://${HOST:-ingest}", None, 1),
    ],
)
def test_the_token_is_for_the_host_that_is_filled_in(url: str, audience: str | None, count: int) -> None:
    after, found = injected(pod(), replace(WISHES, destinations=(), variables={"SENSOR_INGEST_URL": url}))
    (identity,) = [one for one in after["spec"]["volumes"] if one["name"] == "fargate-sensor-identity"]
    tokens = [one["serviceAccountToken"] for one in identity["projected"]["sources"] if "serviceAccountToken" in one]
    assert [one["audience"] for one in tokens] == ([] if audience is None else [audience])
    assert [line.startswith("SENSOR_INGEST_URL does not show the host") for line in found.warnings] == [True] * count
    assert all(len(line) <= LONGEST_WARNING for line in found.warnings)
    secret = replace(WISHES, token_secret=SecretKey("s", "k"), variables={"SENSOR_INGEST_URL": url}, destinations=())
    otherwise = {"SENSOR_INGEST_URL": url, "SENSOR_INGEST_IDENTITY": "aws"}
    for known in (secret, replace(WISHES, destinations=(), variables=otherwise)):
        assert injected(pod(), known)[1].warnings == ()


def test_wrong_annotations_are_told_without_their_values() -> None:
    after, found = injected(INJECTED["wrong_annotations"])
    assert len(found.warnings) == 4
    assert "hunter2" not in json.dumps(after["spec"]) + "".join(found.warnings)


def test_a_variable_that_no_sensor_would_start_with_is_told_and_left_out() -> None:
    after, found = injected(annotated(env__SENSOR_CPU="2", env__SENSOR_CPUS="hunter2", env__SENSOR_FOLD="off"))

    assert variables(after)["SENSOR_FOLD"] == "off"
    assert variables(after).keys() & {"SENSOR_CPU", "SENSOR_CPUS"} == set()
    assert "SENSOR_CPU: no such setting; did you mean SENSOR_CPUS?" in found.warnings[0]
    assert "SENSOR_CPUS: should be a valid number" in found.warnings[1]
    assert "hunter2" not in "".join(found.warnings)


def test_nothing_is_said_of_what_the_pod_does_not_say() -> None:
    after, _ = injected(pod())
    assert variables(after).keys() & {"SENSOR_PROBE_COMMANDS", "SENSOR_CPUS", "SENSOR_STOP_DEADLINE"} == set()
    assert "args" not in sensor(after)


def test_opt_in() -> None:
    wishes = replace(WISHES, opt_in=True)
    assert inject(pod(), wishes).patch == ()
    assert inject(annotated(inject="true"), wishes).patch
    assert inject(pod(metadata={"labels": {"fargate-sensor/inject": "true"}}), wishes).patch


def test_resources_only_where_asked_for() -> None:
    assert "resources" not in sensor(injected(pod())[0])
    asked = {"requests": {"memory": "64Mi"}}
    assert sensor(injected(pod(), replace(WISHES, resources=asked))[0])["resources"] == asked
