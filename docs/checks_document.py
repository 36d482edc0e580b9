"""Writes checks.md from the catalog in deploy/checks."""

from collections.abc import Iterable

from deploy.checks.catalog import catalog
from deploy.checks.check import Check
from deploy.checks.model import Container, Service, Statement, Task
from deploy.checks.suppressions import DEFAULT

ASKED_OF = {Container: "each container", Task: "each task or pod", Service: "each service", Statement: "each policy"}
HEAD = f"""\
# Checks

Written from `deploy/checks/catalog/` by `make docs`; `make check` keeps it current.

    fargate-sensor check --verbose task-definitions/ template.yaml plan.json manifests/

reads ECS task definitions (to register or described, and arrays of container definitions), CloudFormation and SAM
templates, Terraform plans and states (`terraform show -json`) and Kubernetes manifests, rendered charts among them, and
asks each task, pod, service and policy what is below. `--format` is text, json or sarif. The exit code is 0 when
nothing as bad as `--fail-on` (medium) was found, 1 when it was or a file could not be read, and 2 on wrong usage. A
file or directory that cannot be read is one line with its reason, and the others are checked all the same.

Directories are searched for `.json`, `.yaml`, `.yml` and `.template`. What lies there, cannot be decoded and has
nothing in it that is ours (`containerDefinitions`, `AWS::ECS::`, `planned_values`, `apiVersion` and the like) is told
as not checked, counted, and fails nothing. A file that is named has to be readable. Told, too, and no failure are the
templates of a chart, which `helm template` has to render first, and what `Fn::ForEach` makes in a template.

What only the deployment knows (a parameter without a default, a value that is known after apply, a text with `${{...}}`
or `{{{{resolve:...}}}}` in it, a hole in a chart's template) is not judged; the questions that stay open are counted.
The sensor's own container is asked for secrets and its settings only.

## Suppressions

`{DEFAULT}` in the working directory, or the file that `--config` names, says what is
accepted, until when and why:

```yaml
suppressions:
  - check: writable-root                 # its id, or "*"
    file: "legacy/*.yaml"                # optional: the path from the working directory; * stands for anything
    subject: "*container worker"         # optional: what a finding is about, as the report names it
    until: 2027-03-31                    # the last day, UTC; at most a year away
    reason: it unpacks its plugins beside itself until the move to 4.0
```

A suppression that has ended suppresses nothing any more and is told; so is one that matches nothing. Suppressed
findings are counted, stand in JSON under `waived`, and in SARIF with their `suppressions`. GitHub's code scanning does
not read these and opens an alert for each; the action `advanced-security/dismiss-alerts` closes them.

## A baseline

`--write-baseline known.json` writes down what is found today, and `--baseline known.json` leaves it out from then on.
Findings are known by check, file, subject and what is wrong there, by name and never by value: lines may move. Where
there are more of one kind than there were, the new ones count; what is no longer found is counted too.

## In CI

```yaml
- uses: actions/checkout@v4
- uses: example-org/fargate-sensor@0123456789abcdef0123456789abcdef01234567
  with:
    paths: |
      task-definitions
      template.yaml
- uses: github/codeql-action/upload-sarif@v3
  if: always()
  with: {{sarif_file: fargate-sensor.sarif}}
```

The action is this repository's `action.yml`, which is published nowhere else: `example-org` stands for the organisation
that has your copy of it, and the number for a commit of that copy which you have looked at (`git rev-parse HEAD`).

With pre-commit, the hook `fargate-sensor-check` of this repository checks the files of a commit, and takes them as
those of a directory (`--pass-over`): a `tsconfig.json` with comments and a chart's template fail no commit.
"""


def render() -> str:
    """The whole of checks.md."""
    checks = catalog()
    return HEAD + _overview(checks) + "".join(map(_section, checks))


def _overview(checks: Iterable[Check]) -> str:
    checks = tuple(checks)
    rows = "".join(f"| [{c.id}](#{c.id}) | {c.severity.name.lower()} | {c.title} |\n" for c in checks)
    head = f"\n## The {len(checks)} checks\n\nEach is suppressed by its id, as above.\n\n"
    return f"{head}| Check | Severity | Says |\n| --- | --- | --- |\n{rows}"


def _section(check: Check) -> str:
    same = f"\n*Also known as.* {', '.join(check.references)}.\n" if check.references else ""
    severity = check.severity.name.capitalize()
    return (
        f"\n### {check.id}\n\n{check.title}. *{severity}*, asked of {ASKED_OF[check.subject]}.\n\n"
        f"*Why.* {check.why}\n\n*What to do.* {check.mend}\n{same}"
    )
