"""`python -m sensor.sigma.ship RULES TARGET`: compile the rules that ship; `--check` only says if they are current.

Nothing may be wrong with a rule that ships: a problem, or one that can match nothing, ends the build.
"""

import sys
from pathlib import Path

from sensor.detect.compact import pack
from sensor.sigma.compiler import compile_paths


def main(argv: list[str]) -> int:
    """0 when the target is current, or has been written."""
    check, paths = argv[:1] == ["--check"], [Path(word) for word in argv if word != "--check"]
    if len(paths) != 2 or not paths[0].is_dir():
        sys.stderr.write("usage: python -m sensor.sigma.ship [--check] RULES TARGET\n")
        return 2
    source, target = paths
    rules = compile_paths([source], below=source)
    wrong = [f"{problem.source}: {problem.text}" for problem in rules.problems]
    wrong += [f"{rule.source}: matches nothing: {rule.not_here}" for rule in rules.rules if rule.not_here]
    if wrong:
        sys.stderr.write("".join(f"{line}\n" for line in wrong))
        return 1
    packed = pack(rules)
    current = target.exists() and target.read_bytes() == packed
    if check and not current:
        sys.stderr.write(f"{target} is out of date: run make rules\n")
        return 1
    if not current:
        target.write_bytes(packed)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
