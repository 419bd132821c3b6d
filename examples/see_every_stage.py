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
    show("jaxpr: what Python did", fnx.jit(loss).trace(w, x).jaxpr)
    traced = fnx.jit(fnx.grad(loss)).trace(w, x)
    show("jaxpr of the gradient: a transform rewrote it", traced.jaxpr)
    lowered = traced.lower()
    show("StableHLO", lowered.as_text())
    compiled = lowered.compile()
    show("StableHLO after the passes", compiled.as_text("passes"))
    show("fused: one fusion for each kernel", compiled.as_text("fused"))
    show("loop nests and planned memory", compiled.as_text("loops"))
    llvm = compiled.as_text("llvm").splitlines()
    show("LLVM IR (the first 60 lines)", "\n".join(llvm[:60]))
    show("assembly of the hot loop", hot_loop(compiled.as_text("assembly")))
    kernels = compiled.cost_analysis()["kernels"]
    work = [f"{k['flops']:.0f} flops: {k['operations']} ({k['line']})" for k in kernels]
    show("work and memory, known before it has run", "\n".join(work))
    print(compiled.memory_analysis())


if __name__ == "__main__":
    main()
