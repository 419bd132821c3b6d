"""Emit: a loops.Kernel as one CUDA C ``__global__`` function, with its launch size.

Input: a verified kernel. Output: C text that needs the prelude. Invariant: barriers are reached by
all threads of a block, and every access is one that the verifier proved to lie inside its buffer.

What stands outside of vector loops is computed by every thread alike (and stored by the first);
vector loops and the elements of a product are shared by the threads. An accumulator that a vector
loop updates becomes a partial result per thread, and these are combined in a fixed tree.
"""

from __future__ import annotations

from dataclasses import dataclass

from fnx_xla_lite.backends.cuda.emit_expr import affine_text, element_text, expression_text
from fnx_xla_lite.backends.cuda.hazards import INPUTS, Pending, touched
from fnx_xla_lite.backends.cuda.plan import (
    Plan,
    make_plan,
    outer_accumulators,
    statements,
)
from fnx_xla_lite.backends.cuda.scalar import (
    MEMORY_TYPES,
    NARROW_FLOATS,
    REGISTER_TYPES,
    convert_text,
    neutral_text,
    scalar_text,
    store_text,
)
from fnx_xla_lite.backends.cuda.source import Source
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops.ir import (
    Buffer,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Matmul,
    Stmt,
    Store,
    Update,
)


@dataclass(frozen=True, slots=True)
class CudaKernel:
    """One function of CUDA C.

    Attributes:
        name: the function's name.
        text: its definition; it needs the prelude.
        grid: blocks along x and y.
        threads: threads of a block.
        scratch_bytes: global memory for scratch, of all blocks; passed as the last argument.
    """

    name: str
    text: str
    grid: tuple[int, int]
    threads: int
    scratch_bytes: int = 0


def signature(name: str, kernel: Kernel, has_scratch: bool = False) -> str:
    """The head of the function: a pointer for each parameter, then the scratch memory."""
    parameters = [
        f"{'const ' if b.role == 'input' else ''}{MEMORY_TYPES[b.dtype]}* b_{b.name}"
        for b in kernel.parameters
    ]
    if has_scratch:
        parameters.append("u8* fnx_scratch")
    return f'extern "C" __global__ void {name}({", ".join(parameters)})'


def emit_kernel(kernel: Kernel, name: str) -> CudaKernel:
    """The general form; ``gemm`` has a better one for products that are a whole kernel."""
    plan = make_plan(kernel)
    emitter = _Emitter(kernel, plan)
    with emitter.out.block(signature(name, kernel, plan.scratch_bytes > 0)):
        emitter.function()
    return CudaKernel(
        name, emitter.out.text(), (plan.blocks, plan.columns), plan.threads,
        plan.scratch_bytes * plan.blocks,
    )  # fmt: skip


class _Emitter:
    """Writes one kernel's function."""

    def __init__(self, kernel: Kernel, plan: Plan) -> None:
        self.kernel, self.plan = kernel, plan
        self.buffers = {buffer.name: buffer for buffer in kernel.buffers}
        self.out = Source()
        self.pending = Pending()
        self.sharing = plan.layout != "thread"  # threads run the same statements here
        self.dtypes: dict[str, str] = {}
        self.partials: dict[str, str] = {}

    # --- the function, its memory, the parallel prefix ------------------------------------------
    def function(self) -> None:
        """The body of the function."""
        self.out.line(f"typedef {'i64' if self.plan.wide_index else 'int'} idx;")
        self.memory()
        start, step = "blockIdx.x", "gridDim.x"
        if self.plan.layout == "thread":
            start, step = "blockIdx.x * blockDim.x + threadIdx.x", "gridDim.x * blockDim.x"
        count = self.plan.iterations
        with self.out.block(f"for (idx p = {start}; p < {count}; p += {step})"):
            self.coordinates("p", [(loop.var, loop.extent) for loop in self.plan.prefix])
            for loop in self.plan.prefix:
                if loop.bound is not None:
                    self.out.line(f"if (i_{loop.var} >= {affine_text(loop.bound)}) continue;")
            self.body(self.plan.body)
            if self.sharing and count > self.plan.blocks and self.pending.is_any():
                self.barrier()  # before the next iteration

    def memory(self) -> None:
        """Scratch buffers, and the place where partial results meet."""
        offset = 0
        for buffer in self.kernel.buffers:
            if buffer.role != "scratch":
                continue
            kind = MEMORY_TYPES[buffer.dtype]
            if self.plan.shared_scratch:
                self.out.line(f"__shared__ {kind} b_{buffer.name}[{max(buffer.size, 1)}];")
                continue
            place = f"fnx_scratch + (i64)blockIdx.x * {self.plan.scratch_bytes} + {offset}"
            self.out.line(f"{kind}* b_{buffer.name} = ({kind}*)({place});")
            offset += -(-buffer.size * itemsize(buffer.dtype) // 16) * 16
        loops = [stmt for stmt in statements(self.plan.body) if isinstance(stmt, Loop)]
        if self.sharing and any(x.kind == "vector" and outer_accumulators(x) for x in loops):
            self.out.line(f"__shared__ u64 fnx_partials[{self.plan.threads}];")

    def coordinates(self, flat: str, extents: list[tuple[str, int]]) -> None:
        """Loop variables from a flat iteration number, the last one fastest."""
        stride = 1
        lines = []
        for number, (var, extent) in enumerate(reversed(extents)):
            part = flat if stride == 1 else f"{flat} / {stride}"
            outermost = number == len(extents) - 1
            lines.append(f"const idx i_{var} = {part if outermost else f'{part} % {extent}'};")
            stride *= extent
        for line in reversed(lines):
            self.out.line(line)

    def barrier(self) -> None:
        """All threads of the block meet."""
        self.out.line("__syncthreads();")
        self.pending.clear()

    # --- statements ------------------------------------------------------------------------------
    def body(self, body: tuple[Stmt, ...]) -> None:
        """Statements in order, with barriers between those that conflict."""
        for stmt in body:
            if self.sharing and not (isinstance(stmt, Loop) and stmt.kind == "serial"):
                self.wait_for(stmt)
            self.statement(stmt)

    def wait_for(self, stmt: Stmt) -> None:
        """A barrier if ``stmt`` conflicts with what ran since the last one."""
        reads, writes = touched(stmt, self.kernel)
        if isinstance(stmt, Store):
            writes = {*writes, INPUTS}  # the first thread may run ahead of loads in this body
        if self.pending.conflicts(reads, writes):
            self.barrier()
        self.pending.add(reads, writes)

    def statement(self, stmt: Stmt) -> None:
        """One statement."""
        match stmt:
            case Let(name=name, value=value):
                text = expression_text(value, self.buffers)
                self.out.line(f"const {REGISTER_TYPES[value.dtype]} x_{name} = {text};")
            case Init(name=name, value=value, dtype=dtype):
                self.dtypes[name] = dtype
                text = expression_text(value, self.buffers)
                self.out.line(f"{REGISTER_TYPES[dtype]} x_{name} = {text};")
            case Update():
                self.update(stmt)
            case Store():
                self.store(stmt)
            case Matmul():
                self.matmul(stmt)
            case Loop():
                self.loop(stmt)

    def update(self, stmt: Update) -> None:
        """``name = op(name, value)``, on the thread's partial result inside a shared loop."""
        target = self.partials.get(stmt.name, f"x_{stmt.name}")
        value = expression_text(stmt.value, self.buffers)
        self.out.line(f"{target} = {self.combine(stmt.op, stmt.name, target, value)};")

    def combine(self, op: str, name: str, x: str, y: str) -> str:
        """``op(x, y)`` in the accumulator's type."""
        dtype = self.dtypes[name]
        return scalar_text(op, (x, y), (dtype, dtype), dtype)

    def store(self, stmt: Store) -> None:
        """A store; where threads run alike, the first does it."""
        place = element_text(stmt.buffer, stmt.indices, self.buffers)
        value = store_text(expression_text(stmt.value, self.buffers), stmt.value.dtype)
        first = "if (threadIdx.x == 0) " if self.sharing else ""
        self.out.line(f"{first}{place} = {value};")

    # --- loops -----------------------------------------------------------------------------------
    def loop(self, loop: Loop) -> None:
        """Serial, or shared by threads."""
        if loop.kind == "vector" and self.sharing:
            self.shared_loop(loop)
            return
        writes = self.sharing and bool(touched(loop, self.kernel)[1])
        if writes and self.pending.is_any():
            self.barrier()
        with self.out.block(_for(loop, "0", "1")):
            self.body(loop.body)
            if writes and self.pending.is_any():
                self.barrier()  # before the next iteration

    def shared_loop(self, loop: Loop) -> None:
        """A vector loop over the threads; outer accumulators are combined behind it."""
        accumulators = outer_accumulators(loop)
        for name in accumulators:
            dtype = self.dtypes[name]
            op = _update_op(loop, name)
            self.out.line(f"{REGISTER_TYPES[dtype]} p_{name} = {neutral_text(op, dtype)};")
            self.partials[name] = f"p_{name}"
        start, step = "threadIdx.x", "blockDim.x"
        if self.plan.layout == "wide":
            start, step = "blockIdx.y * blockDim.x + threadIdx.x", "gridDim.y * blockDim.x"
        self.sharing = False
        with self.out.block(_for(loop, start, step)):
            self.body(loop.body)
        self.sharing = True
        for name in accumulators:
            del self.partials[name]
            self.reduce(name, _update_op(loop, name))

    def reduce(self, name: str, op: str) -> None:
        """Combine the threads' partial results in a tree, then with the accumulator."""
        kind = REGISTER_TYPES[self.dtypes[name]]
        with self.out.block(""):
            self.out.line(f"{kind}* s = ({kind}*)fnx_partials;")
            self.out.line(f"s[threadIdx.x] = p_{name};")
            self.out.line("__syncthreads();")
            with self.out.block("for (unsigned w = blockDim.x / 2; w > 0; w /= 2)"):
                pair = self.combine(op, name, "s[threadIdx.x]", "s[threadIdx.x + w]")
                self.out.line(f"if (threadIdx.x < w) s[threadIdx.x] = {pair};")
                self.out.line("__syncthreads();")
            self.out.line(f"x_{name} = {self.combine(op, name, f'x_{name}', 's[0]')};")
            self.out.line("__syncthreads();")
        self.pending.clear()

    # --- products inside other work --------------------------------------------------------------
    def matmul(self, product: Matmul) -> None:
        """Each thread computes whole elements of the product, one dot product after the other."""
        outer = [*product.batch, product.m, product.n]
        count = 1
        for _, extent in outer:
            count *= extent
        start, step = ("threadIdx.x", "blockDim.x") if self.sharing else ("0", "1")
        was_sharing, self.sharing = self.sharing, False
        flat = f"t_{product.acc}"
        with self.out.block(f"for (idx {flat} = {start}; {flat} < {count}; {flat} += {step})"):
            self.coordinates(flat, outer)
            self.dot(product)
            self.body(product.epilogue)
        self.sharing = was_sharing

    def dot(self, product: Matmul) -> None:
        """``acc = sum over k of lhs * rhs`` for one element."""
        kind, (var, extent) = sum_dtype(product.dtype), product.k
        self.dtypes[product.acc] = product.dtype
        total = f"sum_{product.acc}"
        self.out.line(f"{REGISTER_TYPES[kind]} {total} = {neutral_text('add', kind)};")
        with self.out.block(f"for (idx i_{var} = 0; i_{var} < {extent}; ++i_{var})"):
            sides = [operand_text(x, kind, self.buffers) for x in (product.lhs, product.rhs)]
            self.out.line(f"{total} = {product_text(kind, total, *sides)};")
        self.out.line(accumulator_text(product, total))


def sum_dtype(dtype: str) -> str:
    """What a product's sums are held in: narrow floats are summed in f32, and rounded once."""
    return "f32" if dtype in NARROW_FLOATS else dtype


def operand_text(load: Load, kind: str, buffers: dict[str, Buffer]) -> str:
    """An operand in the sums' type."""
    return convert_text(expression_text(load, buffers), load.dtype, kind)


def product_text(dtype: str, acc: str, x: str, y: str) -> str:
    """``acc + x * y``."""
    pair = scalar_text("multiply", (x, y), (dtype, dtype), dtype)
    return scalar_text("add", (acc, pair), (dtype, dtype), dtype)


def accumulator_text(product: Matmul, total: str) -> str:
    """The definition of the product's value by its sum."""
    value = convert_text(total, sum_dtype(product.dtype), product.dtype)
    return f"const {REGISTER_TYPES[product.dtype]} x_{product.acc} = {value};"


def _for(loop: Loop, start: str, step: str) -> str:
    """The head of a C loop."""
    var = f"i_{loop.var}"
    end = str(loop.extent)
    if loop.bound is not None:
        end = f"min((idx){end}, (idx){affine_text(loop.bound)})"
    return f"for (idx {var} = {start}; {var} < {end}; {var} += {step})"


def _update_op(loop: Loop, name: str) -> str:
    """The operation that updates an accumulator in a loop."""
    for stmt in loop.body:
        if isinstance(stmt, Update) and stmt.name == name:
            return stmt.op
        if isinstance(stmt, Loop):
            found = _update_op(stmt, name)
            if found:
                return found
    return ""
