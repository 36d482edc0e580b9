"""Every command in the documents is run, or judged by what knows its program; one that nothing knows is refused."""

import re
import shutil
from collections.abc import Iterable

import aws_calls
import document_order
import helm_chart
import pytest
from document_calls import complain
from document_shell import PROJECT, Call, Workplace, blocks

DOCUMENTS = {
    str(path.relative_to(PROJECT)): found
    for path in [
        PROJECT / "README.md",
        PROJECT / "CONTRIBUTING.md",
        PROJECT / "task-definitions" / "README.md",
        PROJECT / "helm" / "fargate-sensor" / "README.md",
        *sorted((PROJECT / "docs").glob("*.md")),
    ]
    if (found := blocks(path.read_text(encoding="utf-8")))
}


@pytest.fixture
def workplace(tmp_path, need) -> Workplace:
    need(all(map(shutil.which, ("bash", "make", "openssl"))), "bash, make and openssl")
    helm_chart.engine(need)
    return Workplace(tmp_path)


def judged(workplace: Workplace, blocks: Iterable[str]) -> list[str]:
    ran = [workplace.run(block) for block in blocks]
    calls = [call for called, _ in ran for call in called]
    said = [fault for _, fault in ran] + [complain(call, workplace.folder) for call in calls]
    return [one for one in said if one] + document_order.complain(calls)


def test_nobody_is_told_to_take_the_package_from_an_index():
    """In the middle of a sentence no command is judged; the package is on no index, where anybody may take its name."""
    told = re.compile(r"pip3? install[^\n`]*\bfargate-sensor\b")
    pages = [
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/*.md"),
        *PROJECT.glob("*/README.md"),
        *PROJECT.glob("helm/*/*.md"),
    ]
    assert [page for page in pages if told.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_of_a_document_works(name, workplace):
    assert judged(workplace, DOCUMENTS[name]) == []


def test_each_role_of_a_task_definition_is_made_with_its_policy(workplace):
    """Of the definitions that task-definitions/README.md registers."""
    calls = [call for block in DOCUMENTS["task-definitions/README.md"] for call in workplace.run(block)[0]]
    given = [(call.words[1], dict(aws_calls.options(call.words[2:]))) for call in calls if call.program == "aws"]
    made, allowed = (
        {name for verb, options in given if verb == wanted for name in options["--role-name"]}
        for wanted in ("create-role", "put-role-policy")
    )
    registered = [options["--cli-input-json"][0] for verb, options in given if verb == "register-task-definition"]
    texts = [(workplace.folder / file.removeprefix("file://")).read_text() for file in registered]
    needed = {name for text in texts for name in re.findall(r":role/([\w-]+)", text)}

    assert len(texts) == 3
    assert needed == made == allowed


def test_blocks_are_found_in_both_forms_and_no_others():
    text = "A:\n\n    make a \\\n      b\n\n    make c\n\nB\n\n```yaml\n    no: command\n```\n\n```sh\nmake d\n```\n"

    assert [block.split() for block in blocks(text)] == [["make", "a", "\\", "b", "make", "c"], ["make", "d"]]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("nothing-knows-me --now", "command not found"),
        ("make no-such-target", "no-such-target"),
        ("fargate-sensor inject ecs task.json --no-such-option", "no-such-option"),
        ("fargate-sensor rules check absent/", "absent"),
        ("fargate-sensor check --verbose absent/ not-there.json", "not-there.json: does not exist"),
        ("fargate-sensor check task.jsonn", "task.jsonn"),
        ("fargate-sensor check task.json chart/", "not checked"),
        ("python3 -m venv a && . a/bin/activate && pip install '.[nothing]'", "no such extra"),
        ("python3 -m venv a && pip install '.[deploy]'", "outside of a venv"),
        ("python3 -m venv --ask a", "no venv has such options"),
        (".venv/bin/fargate-sensor rules check my-rules/", "No such file"),
        ("pip install 'fargate-sensor[deploy]'", "not installed from a checkout"),
        ("aws ecs no-such-operation", "no operation"),
        ("aws ecs run-task --cluster default", "taskDefinition"),
        ("aws ecs run-task --no-such-option x", "no option"),
        ("aws ecs create-service --service-name a --desired-count many", "desiredCount"),
        ("aws ecs run-task --task-definition a --network-configuration 'awsvpcConfiguration={subnet=[b]}'", "subnet"),
        ("aws logs tail /ecs/a --no-such-option", "no such option"),
        ("helm install a helm/fargate-sensor --set nothing.like.it=1", "nothing"),
        ("helm uninstall a", "nothing knows"),
        ("docker build --target nothing .", "no such target"),
        ("docker run -e SENSOR_NOTHING=1 fargate-sensor:0.1.0", "SENSOR_NOTHING"),
        ("docker exec a fargate-sensor watch --no-such-option", "no-such-option"),
        ("docker build --tarbet ingest .", "--tarbet"),
        ("docker run --networc a fargate-sensor:0.1.0", "--networc"),
        ("kubectl explain pods", "nothing knows"),
        ("kubectl -n shop run web --imagee nginx:1.27", "--imagee"),
        ("kubectl apply -f absent.yaml", "absent.yaml"),
        ("kubectl -n a exec b -c fargate-sensor -- fargate-sensor no-such-command", "no-such-command"),
        ("curl 'http://127.0.0.1:8080/v1/events?kinds=process.exec'", "kinds"),
        ("sed s/a/b/ absent.yaml | kubectl apply -f -", "absent.yaml"),
        ("helm install a helm/fargate-sensor\nhelm test a", "install with --wait"),
        ("kubectl run a --image b\nkubectl exec a -- sh", "wait for it"),
        ("kubectl -n c run a --image b\nkubectl wait --for=condition=Ready pod/b\nkubectl -n c logs a", "wait for it"),
        ("kubectl create namespace a\nkubectl label namespace b c=d", "nothing has created it"),
        ("aws ecs run-task --task-definition a\naws logs tail /ecs/a --since 10m", "follow it"),
    ],
)
def test_what_is_wrong_is_told(block, said, workplace):
    assert said in " ".join(judged(workplace, [block]))


@pytest.mark.parametrize(("command", "code"), [("check", 1), ("doctor", 1), ("health", 1), ("inject", 0)])
def test_a_command_that_breaks_off_does_not_work(command, code, tmp_path):
    said = "Traceback (most recent call last):\n" + "  File\n" * 1_000 + "OSError\n"

    assert complain(Call("fargate-sensor", [command], "", code), tmp_path) is None
    assert "Traceback" in complain(Call("fargate-sensor", [command], "", code, said), tmp_path)
