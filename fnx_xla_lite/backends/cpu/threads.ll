; Thread pool: fnx_parallel_for runs task(context, scratch, begin, end) over [0, total), on up to @width threads.
;
; Tasks are split into one static run per thread, and every run into @job_pieces pieces; a thread takes the pieces of its own run
; and then what is left of the others', so that a late or slow thread holds nobody up. Nobody waits for a thread that has not
; started: the caller closes the job when no piece is left, then waits for the threads that are inside of it.
; One caller has the pool (@busy); others run their tasks themselves. Workers spin for a moment, then sleep.

@width = internal global i32 1            ; threads that take part, the caller included
@workers = internal global i32 0          ; threads that exist besides the callers
@busy = internal global i32 0, align 64   ; 1 while a caller has the pool
@open = internal global i32 0, align 64   ; 1 while a job may be joined
@active = internal global i32 0, align 64 ; workers that are looking at the job
@generation = internal global i32 0, align 64
@sleepers = internal global i32 0, align 64
@ready = internal global i32 0            ; mutex, condition, attributes and key are initialised

@job_task = internal global ptr null, align 64
@job_context = internal global ptr null
@job_total = internal global i64 0
@job_pieces = internal global i64 1
@job_scratch = internal global i64 0
@job_parts = internal global i64 1
@taken = internal global [256 x [8 x i64]] zeroinitializer, align 64 ; pieces taken of every part, a cache line each

@mutex = internal global [256 x i8] zeroinitializer, align 64
@condition = internal global [256 x i8] zeroinitializer, align 64
@attributes = internal global [256 x i8] zeroinitializer, align 64
@key = internal global i64 0, align 8

declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setdetachstate(ptr, i32)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_key_create(ptr, ptr)
declare ptr @pthread_getspecific(i64)
declare i32 @pthread_setspecific(i64, ptr)
declare i32 @posix_memalign(ptr, i64, i64)
declare void @free(ptr)
declare void @abort()
declare i32 @sched_yield()
$declare_pause$

; The number of threads that take part from now on.
define void @fnx_set_threads(i32 %count) {
  store atomic i32 %count, ptr @width seq_cst, align 4
  ret void
}

; In a child of fork: no worker exists, nobody holds anything.
define void @fnx_after_fork() {
  store i32 0, ptr @workers
  store i32 0, ptr @busy
  store i32 0, ptr @open
  store i32 0, ptr @active
  store i32 0, ptr @sleepers
  %was = load i32, ptr @ready
  %started = icmp ne i32 %was, 0
  br i1 %started, label %again, label %done
again:
  call void @start_locks()
  br label %done
done:
  ret void
}

define internal void @start_locks() {
  %a = call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  %b = call i32 @pthread_cond_init(ptr @condition, ptr null)
  ret void
}

; Called once, before anything else, while no other thread is here.
define void @fnx_initialize() {
  call void @start_locks()
  %a = call i32 @pthread_attr_init(ptr @attributes)
  %b = call i32 @pthread_attr_setdetachstate(ptr @attributes, i32 $detached$)
  %c = call i32 @pthread_key_create(ptr @key, ptr @free_scratch)
  store i32 1, ptr @ready
  ret void
}

; Memory of the calling thread for a job: at least that many bytes, 64-byte aligned, kept for the next call. Its size stands
; before it. Its first 16 bytes are all ones: the job has left nothing there yet (matrix products note what they have packed).
define ptr @fnx_scratch(i64 %bytes) {
entry:
  %none = icmp eq i64 %bytes, 0
  br i1 %none, label %nothing, label %look
nothing:
  ret ptr null
look:
  %key = load i64, ptr @key
  %old = call ptr @pthread_getspecific(i64 %key)
  %fresh = icmp eq ptr %old, null
  br i1 %fresh, label %grow, label %measure
measure:
  %size.at = getelementptr i8, ptr %old, i64 -64
  %size = load i64, ptr %size.at
  %enough = icmp uge i64 %size, %bytes
  br i1 %enough, label %keep, label %grow
keep:
  call void @forget(ptr %old)
  ret ptr %old
grow:
  %place = alloca ptr
  call void @free_scratch(ptr %old)
  %whole = add i64 %bytes, 80
  %failed = call i32 @posix_memalign(ptr %place, i64 64, i64 %whole)
  %bad = icmp ne i32 %failed, 0
  br i1 %bad, label %out_of_memory, label %remember
out_of_memory:
  call void @abort()
  unreachable
remember:
  %block = load ptr, ptr %place
  store i64 %bytes, ptr %block
  %memory = getelementptr i8, ptr %block, i64 64
  %set = call i32 @pthread_setspecific(i64 %key, ptr %memory)
  call void @forget(ptr %memory)
  ret ptr %memory
}

define internal void @forget(ptr %memory) {
  store <2 x i64> <i64 -1, i64 -1>, ptr %memory, align 16
  ret void
}

define internal void @free_scratch(ptr %memory) {
  %none = icmp eq ptr %memory, null
  br i1 %none, label %done, label %some
some:
  %block = getelementptr i8, ptr %memory, i64 -64
  call void @free(ptr %block)
  br label %done
done:
  ret void
}

; Take pieces: of part %me first, then of the following parts in turn.
define internal void @take_pieces(i64 %me) {
entry:
  %task = load ptr, ptr @job_task
  %context = load ptr, ptr @job_context
  %total = load i64, ptr @job_total
  %pieces = load i64, ptr @job_pieces
  %parts = load i64, ptr @job_parts
  %wanted = load i64, ptr @job_scratch
  %scratch = call ptr @fnx_scratch(i64 %wanted)
  br label %part
part:
  %turn = phi i64 [0, %entry], [%turn.next, %exhausted]
  %sum = add i64 %me, %turn
  %which = urem i64 %sum, %parts
  %low.product = mul i64 %total, %which
  %low = udiv i64 %low.product, %parts
  %which.next = add i64 %which, 1
  %high.product = mul i64 %total, %which.next
  %high = udiv i64 %high.product, %parts
  %length = sub i64 %high, %low
  %rounded = add i64 %length, %pieces
  %rounded.less = sub i64 %rounded, 1
  %grain = udiv i64 %rounded.less, %pieces
  %counter = getelementptr [256 x [8 x i64]], ptr @taken, i64 0, i64 %which, i64 0
  br label %piece
piece:
  %number = atomicrmw add ptr %counter, i64 1 seq_cst
  %skip = mul i64 %number, %grain
  %begin = add i64 %low, %skip
  %left = icmp ult i64 %begin, %high
  br i1 %left, label %work, label %exhausted
work:
  %limit = add i64 %begin, %grain
  %over = icmp ugt i64 %limit, %high
  %end = select i1 %over, i64 %high, i64 %limit
  call void %task(ptr %context, ptr %scratch, i64 %begin, i64 %end)
  br label %piece
exhausted:
  %turn.next = add i64 %turn, 1
  %more = icmp ult i64 %turn.next, %parts
  br i1 %more, label %part, label %done
done:
  ret void
}

; A worker: wait for the generation to change, join the job if it is still open, again.
define internal ptr @worker(ptr %argument) {
entry:
  %me = ptrtoint ptr %argument to i64
  %first = load atomic i32, ptr @generation seq_cst, align 4
  br label %wait
wait:
  %seen = phi i32 [%first, %entry], [%now, %leave]
  br label %spin
spin:
  %count = phi i32 [0, %wait], [%count.next, %spin.more]
  %now.spin = load atomic i32, ptr @generation seq_cst, align 4
  %changed = icmp ne i32 %now.spin, %seen
  br i1 %changed, label %join, label %spin.more
spin.more:
  $pause$
  %count.next = add i32 %count, 1
  %tired = icmp ugt i32 %count.next, $spins$
  br i1 %tired, label %doze, label %spin
doze:
  %locked = call i32 @pthread_mutex_lock(ptr @mutex)
  %before = atomicrmw add ptr @sleepers, i32 1 seq_cst
  br label %check
check:
  %now.check = load atomic i32, ptr @generation seq_cst, align 4
  %still = icmp eq i32 %now.check, %seen
  br i1 %still, label %sleep, label %awake
sleep:
  %waited = call i32 @pthread_cond_wait(ptr @condition, ptr @mutex)
  br label %check
awake:
  %after = atomicrmw sub ptr @sleepers, i32 1 seq_cst
  %unlocked = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %join
join:
  %now = load atomic i32, ptr @generation seq_cst, align 4
  %entered = atomicrmw add ptr @active, i32 1 seq_cst
  %is.open = load atomic i32, ptr @open seq_cst, align 4
  %may = icmp ne i32 %is.open, 0
  br i1 %may, label %look, label %leave
look:
  %parts = load i64, ptr @job_parts
  %mine = icmp ult i64 %me, %parts
  br i1 %mine, label %work, label %leave
work:
  call void @take_pieces(i64 %me)
  br label %leave
leave:
  %left = atomicrmw sub ptr @active, i32 1 seq_cst
  br label %wait
}

; Create the workers that are missing; the pool is ours. Where the system refuses, there are fewer.
define internal void @hire(i32 %wanted) {
entry:
  %thread = alloca i64
  br label %test
test:
  %have = load i32, ptr @workers
  %next = add i32 %have, 1
  %enough = icmp uge i32 %next, %wanted
  br i1 %enough, label %done, label %create
create:
  %number = zext i32 %next to i64
  %argument = inttoptr i64 %number to ptr
  %failed = call i32 @pthread_create(ptr %thread, ptr @attributes, ptr @worker, ptr %argument)
  %bad = icmp ne i32 %failed, 0
  br i1 %bad, label %done, label %hired
hired:
  store i32 %next, ptr @workers
  br label %test
done:
  ret void
}

; Run all tasks; %grain is the least number of tasks that is worth a thread, %pieces how finely a thread's run is cut.
define void @fnx_parallel_for(ptr %task, ptr %context, i64 %total, i64 %grain, i64 %pieces, i64 %scratch.bytes) {
entry:
  %width = load atomic i32, ptr @width seq_cst, align 4
  %wide = zext i32 %width to i64
  %useful = udiv i64 %total, %grain
  %less = icmp ult i64 %useful, %wide
  %parts = select i1 %less, i64 %useful, i64 %wide
  %several = icmp ugt i64 %parts, 1
  br i1 %several, label %try, label %alone
try:
  %exchanged = cmpxchg ptr @busy, i32 0, i32 1 seq_cst seq_cst
  %ours = extractvalue {i32, i1} %exchanged, 1
  br i1 %ours, label %publish, label %alone
alone:
  %scratch = call ptr @fnx_scratch(i64 %scratch.bytes)
  call void %task(ptr %context, ptr %scratch, i64 0, i64 %total)
  ret void
publish:
  %count = trunc i64 %parts to i32
  call void @hire(i32 %count)
  store ptr %task, ptr @job_task
  store ptr %context, ptr @job_context
  store i64 %total, ptr @job_total
  store i64 %pieces, ptr @job_pieces
  store i64 %scratch.bytes, ptr @job_scratch
  store i64 %parts, ptr @job_parts
  br label %clear
clear:
  %part = phi i64 [0, %publish], [%part.next, %clear]
  %counter = getelementptr [256 x [8 x i64]], ptr @taken, i64 0, i64 %part, i64 0
  store i64 0, ptr %counter
  %part.next = add i64 %part, 1
  %more = icmp ult i64 %part.next, %parts
  br i1 %more, label %clear, label %announce
announce:
  store atomic i32 1, ptr @open seq_cst, align 4
  %last = atomicrmw add ptr @generation, i32 1 seq_cst
  %asleep = load atomic i32, ptr @sleepers seq_cst, align 4
  %anyone = icmp ne i32 %asleep, 0
  br i1 %anyone, label %wake, label %work
wake:
  %locked = call i32 @pthread_mutex_lock(ptr @mutex)
  %woken = call i32 @pthread_cond_broadcast(ptr @condition)
  %unlocked = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %work
work:
  call void @take_pieces(i64 0)
  store atomic i32 0, ptr @open seq_cst, align 4
  br label %wait
wait:
  %round = phi i32 [0, %work], [%round.next, %patient], [%round.next, %yield]
  %inside = load atomic i32, ptr @active seq_cst, align 4
  %finished = icmp eq i32 %inside, 0
  br i1 %finished, label %done, label %pause
pause:
  $pause$
  %round.next = add i32 %round, 1
  %tired = icmp ugt i32 %round.next, 2000
  br i1 %tired, label %yield, label %patient
yield:
  %yielded = call i32 @sched_yield()
  br label %wait
patient:
  br label %wait
done:
  store atomic i32 0, ptr @busy seq_cst, align 4
  ret void
}
