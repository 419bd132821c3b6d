"""One small function at every stage of its way to machine code.

Run ``python examples/see_every_stage.py``.
"""

import fnx
import fnx.numpy as np


def loss(w, x):
    """A scalar of weights (3, 16) and inputs (64, 3)."""
    return np.mean(np.tanh(x @ w))


def show(title, text):
    """Print one stage under a heading."""
    print(f"\n{'=' * 8} {title} {'=' * (90 - len(title))}\n{str(text).rstrip()}")


def hot_loop(assembly):
    """The lines of the longest loop body: from a label to the jump back to it."""
    lines, starts, best = assembly.splitlines(), {}, []
    for number, line in enumerate(lines):
        words = line.split()
        if line.startswith(".L") and line.rstrip().endswith(":"):
            starts[line.split(":")[0]] = number
        elif words and words[0].startswith("j") and words[-1] in starts:
            body = lines[starts[words[-1]] : number + 1]
            best = max(best, body, key=len)
    return "\n".join(best)


def main():
    """Print the stages."""
    w, x = np.ones((3, 16)), np.ones((64, 3))
    gradient = fnx.grad(loss)
    show("jaxpr: what Python did", fnx.make_jaxpr(loss)(w, x))
    show("jaxpr of the gradient: a transform rewrote it", fnx.make_jaxpr(gradient)(w, x))
    stages = fnx.jit(gradient).compiled(w, x).executable.stages
    show("StableHLO", stages["hlo"])
    show("StableHLO after the passes", stages["passes"])
    show("fused: one fusion for each kernel", stages["fused"])
    show("loop nests and planned memory", stages["loops"])
    show("LLVM IR (the first 60 lines)", "\n".join(stages["llvm"].splitlines()[:60]))
    show("assembly of the hot loop", hot_loop(stages["assembly"]))


if __name__ == "__main__":
    main()
