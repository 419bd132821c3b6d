// CUDA's execution model on the host, enough to run generated kernels: a block's threads are fibers
// that take turns at every barrier; blocks run one after the other.
#pragma once
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <utility>

#define __device__
#define __global__
#define __forceinline__ inline
#define __shared__ static

struct Dim { unsigned x, y, z; };
static Dim threadIdx, blockIdx, blockDim, gridDim;

static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clzll(unsigned long long x) { return x ? __builtin_clzll(x) : 64; }
static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float rsqrtf(float x) { return (float)(1.0 / sqrt((double)x)); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
template <class T> static inline T min(T x, T y) { return x < y ? x : y; }
static inline double erfinv(double x) {
  if (!(fabs(x) < 1)) return fabs(x) == 1 ? copysign(INFINITY, x) : NAN;
  const double w = -log1p(-x * x), b = 4.330746750799873 - 0.5 * w;
  double y = copysign(sqrt(sqrt(b * b + w / 0.147) - b), x);
  for (int i = 0; i < 4 && x != 0; ++i) {
    const double step = (erf(y) - x) / (1.1283791670955126 * exp(-y * y));
    y -= step / (1 + y * step);
  }
  return x == 0 ? x : y;
}
static inline float erfinvf(float x) { return (float)erfinv((double)x); }

namespace host {
const unsigned MOST = 256, STACK = 1 << 16;
struct Fiber { ucontext_t context; char* stack; bool done; };
static ucontext_t scheduler;
static Fiber fibers[MOST];
static unsigned current;
static bool is_backwards() { const char* x = getenv("FNX_CUDA_BACKWARDS"); return x && *x == '1'; }
static void (*body)(void**);
static void** arguments;

static void enter() {
  body(arguments);
  fibers[current].done = true;
  swapcontext(&fibers[current].context, &scheduler);
}

static int run_block(unsigned threads) {  // 1 if some threads left while others waited at a barrier
  for (unsigned t = 0; t < threads; ++t) {
    Fiber& fiber = fibers[t];
    getcontext(&fiber.context);
    if (!fiber.stack) fiber.stack = (char*)malloc(STACK);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = &scheduler;
    fiber.done = false;
    makecontext(&fiber.context, enter, 0);
  }
  int failed = 0;
  const bool backwards = is_backwards();
  for (unsigned left = threads; left;) {
    unsigned finished = 0, waiting = 0;
    for (unsigned turn = 0; turn < threads; ++turn) {
      current = backwards ? threads - 1 - turn : turn;
      if (fibers[current].done) continue;
      threadIdx = {current, 0, 0};
      swapcontext(&scheduler, &fibers[current].context);
      (fibers[current].done ? finished : waiting) += 1;
    }
    left -= finished;
    if (finished && waiting) failed = 1;
  }
  return failed;
}

static int run(unsigned columns, unsigned rows, unsigned threads, void (*work)(void**), void** given) {
  body = work;
  arguments = given;
  gridDim = {columns, rows, 1};
  blockDim = {threads, 1, 1};
  int failed = threads > MOST;
  const unsigned blocks = rows * columns;
  for (unsigned i = 0; i < blocks && !failed; ++i) {
    const unsigned block = is_backwards() ? blocks - 1 - i : i;
    blockIdx = {block % columns, block / columns, 0};
    failed = run_block(threads);
  }
  return failed;
}

template <class... A, size_t... I>
static void apply(void (*kernel)(A...), void** given, std::index_sequence<I...>) {
  kernel((A)given[I]...);
}
template <class... A>
static void call(void (*kernel)(A...), void** given) {
  apply(kernel, given, std::index_sequence_for<A...>());
}
}  // namespace host

static inline void __syncthreads() { swapcontext(&host::fibers[host::current].context, &host::scheduler); }
