; The recycled memory pool and the native call, as LLVM IR. Everything here runs while the GIL is held,
; except the entry itself; so the free lists need no lock of their own.
;
; Blocks: a 64-byte header (word 0: size class, word 1: block bytes) and then the data, 64-byte aligned. Size classes are powers of two in four
; steps, so that at most a fifth of a block is slack. A free block's first data word is the next free block.

@free_lists = internal global [256 x ptr] zeroinitializer
@cached_bytes = internal global i64 0
@cached_limit = internal global i64 1073741824
@live_bytes = internal global i64 0
@capsule_name = internal constant [11 x i8] c"fnx.memory\00"
@address_format = internal constant [2 x i8] c"K\00"

declare i32 @posix_memalign(ptr, i64, i64)
declare i32 @madvise(ptr, i64, i32)
declare void @free(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare i64 @llvm.ctlz.i64(i64, i1)
declare ptr @PyTuple_GetItem(ptr, i64)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyBytes_AsString(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare ptr @PyCapsule_New(ptr, ptr, ptr)
declare ptr @PyCapsule_GetPointer(ptr, ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyErr_NoMemory()
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare ptr @numpy_new_from_descr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare i32 @numpy_set_base(ptr, ptr)
@numpy_array_type = external global i8
@PyCapsule_Type = external global i8

; data pointer for at least %bytes bytes, or null
define ptr @fnx_allocate(i64 %bytes) {
  %small = icmp ult i64 %bytes, 192
  %wanted = select i1 %small, i64 192, i64 %bytes
  %whole = add i64 %wanted, 63            ; header 64, minus one for the rounding below
  %zeros = call i64 @llvm.ctlz.i64(i64 %whole, i1 true)
  %exponent = sub i64 63, %zeros
  %shift = sub i64 %exponent, 2
  %steps = lshr i64 %whole, %shift
  %next = add i64 %steps, 1
  %block = shl i64 %next, %shift
  %octave = shl i64 %exponent, 2
  %step = and i64 %steps, 3
  %class = or i64 %octave, %step
  %slot = getelementptr [256 x ptr], ptr @free_lists, i64 0, i64 %class
  %head = load ptr, ptr %slot
  %live0 = load i64, ptr @live_bytes
  %live1 = add i64 %live0, %block
  store i64 %live1, ptr @live_bytes
  %none = icmp eq ptr %head, null
  br i1 %none, label %fresh, label %reuse
reuse:
  %rest = load ptr, ptr %head
  store ptr %rest, ptr %slot
  %cached0 = load i64, ptr @cached_bytes
  %cached1 = sub i64 %cached0, %block
  store i64 %cached1, ptr @cached_bytes
  ret ptr %head
fresh:
  %cell = alloca ptr
  %is_huge = icmp uge i64 %block, 4194304
  %alignment = select i1 %is_huge, i64 2097152, i64 64
  %failed = call i32 @posix_memalign(ptr %cell, i64 %alignment, i64 %block)
  %bad = icmp ne i32 %failed, 0
  br i1 %bad, label %nothing, label %header
nothing:
  store i64 %live0, ptr @live_bytes
  ret ptr null
header:
  %base = load ptr, ptr %cell
  br i1 %is_huge, label %huge, label %fill
huge:
  %advice = call i32 @madvise(ptr %base, i64 %block, i32 14)   ; MADV_HUGEPAGE: fewer page faults
  br label %fill
fill:
  store i64 %class, ptr %base
  %size_at = getelementptr i64, ptr %base, i64 1
  store i64 %block, ptr %size_at
  %data = getelementptr i8, ptr %base, i64 64
  ret ptr %data
}

; give a block back: to its free list, or to the system where the pool is full
define void @fnx_release(ptr %data) {
  %base = getelementptr i8, ptr %data, i64 -64
  %class = load i64, ptr %base
  %size_at = getelementptr i64, ptr %base, i64 1
  %block = load i64, ptr %size_at
  %live0 = load i64, ptr @live_bytes
  %live1 = sub i64 %live0, %block
  store i64 %live1, ptr @live_bytes
  %cached0 = load i64, ptr @cached_bytes
  %cached1 = add i64 %cached0, %block
  %limit = load i64, ptr @cached_limit
  %full = icmp ugt i64 %cached1, %limit
  br i1 %full, label %drop, label %keep
drop:
  call void @free(ptr %base)
  ret void
keep:
  store i64 %cached1, ptr @cached_bytes
  %slot = getelementptr [256 x ptr], ptr @free_lists, i64 0, i64 %class
  %head = load ptr, ptr %slot
  store ptr %head, ptr %data
  store ptr %data, ptr %slot
  ret void
}

; free everything that the pool holds for later
define void @fnx_trim() {
entry:
  br label %classes
classes:
  %class = phi i64 [ 0, %entry ], [ %class1, %next ]
  %slot = getelementptr [256 x ptr], ptr @free_lists, i64 0, i64 %class
  br label %blocks
blocks:
  %head = load ptr, ptr %slot
  %none = icmp eq ptr %head, null
  br i1 %none, label %next, label %one
one:
  %rest = load ptr, ptr %head
  store ptr %rest, ptr %slot
  %base = getelementptr i8, ptr %head, i64 -64
  call void @free(ptr %base)
  br label %blocks
next:
  %class1 = add i64 %class, 1
  %more = icmp ult i64 %class1, 256
  br i1 %more, label %classes, label %done
done:
  store i64 0, ptr @cached_bytes
  ret void
}

define void @fnx_set_limit(i64 %bytes) {
  store i64 %bytes, ptr @cached_limit
  ret void
}

define i64 @fnx_live_bytes() {
  %bytes = load i64, ptr @live_bytes
  ret i64 %bytes
}

define i64 @fnx_cached_bytes() {
  %bytes = load i64, ptr @cached_bytes
  ret i64 %bytes
}

define internal void @capsule_destroyed(ptr %capsule) {
  %data = call ptr @PyCapsule_GetPointer(ptr %capsule, ptr @capsule_name)
  call void @fnx_release(ptr %data)
  ret void
}

; a new ndarray over the pool's block %data, which it owns from here on; null with the error set where there is no memory
define ptr @fnx_wrap(ptr %data, ptr %descr, i64 %rank, ptr %dims) {
  %capsule = call ptr @PyCapsule_New(ptr %data, ptr @capsule_name, ptr @capsule_destroyed)
  %no_capsule = icmp eq ptr %capsule, null
  br i1 %no_capsule, label %lost, label %array
lost:
  call void @fnx_release(ptr %data)
  ret ptr null
array:
  call void @Py_IncRef(ptr %descr)                 ; NewFromDescr steals it
  %rank32 = trunc i64 %rank to i32
  %new = call ptr @numpy_new_from_descr(ptr @numpy_array_type, ptr %descr, i32 %rank32, ptr %dims, ptr null, ptr %data, i32 1281, ptr null)
  %no_array = icmp eq ptr %new, null
  br i1 %no_array, label %drop, label %base
drop:
  call void @Py_DecRef(ptr %capsule)
  ret ptr null
base:
  %status = call i32 @numpy_set_base(ptr %new, ptr %capsule)   ; steals the capsule
  %ok = icmp eq i32 %status, 0
  br i1 %ok, label %done, label %undo
undo:
  call void @Py_DecRef(ptr %new)
  ret ptr null
done:
  ret ptr %new
}

; Whether the ndarray %buffer may be overwritten: this is its only reference and it owns one of our blocks outright.
define internal i1 @is_ours_alone(ptr %buffer) {
  %count = load i64, ptr %buffer
  %alone = icmp eq i64 %count, 1
  br i1 %alone, label %owner, label %no
owner:
  %base_at = getelementptr i8, ptr %buffer, i64 48
  %base = load ptr, ptr %base_at
  %no_base = icmp eq ptr %base, null
  br i1 %no_base, label %no, label %kind
kind:
  %base_count = load i64, ptr %base
  %base_alone = icmp eq i64 %base_count, 1
  %type_at = getelementptr i8, ptr %base, i64 8
  %type = load ptr, ptr %type_at
  %is_capsule = icmp eq ptr %type, @PyCapsule_Type
  %both = and i1 %base_alone, %is_capsule
  br i1 %both, label %name, label %no
name:
  %name_at = getelementptr i8, ptr %base, i64 24
  %name_is = load ptr, ptr %name_at
  %ours = icmp eq ptr %name_is, @capsule_name
  ret i1 %ours
no:
  ret i1 false
}

; What compiled code calls Python by, with or without the GIL: %callable(address of the slots). 0, or 1 where it raised: the error
; stays set in this thread, and whoever started the program raises it.
define i32 @fnx_call_back(ptr %callable, ptr %slots) {
  %state = call i32 @PyGILState_Ensure()
  %address = ptrtoint ptr %slots to i64
  %out = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %callable, ptr @address_format, i64 %address)
  %raised = icmp eq ptr %out, null
  br i1 %raised, label %done, label %drop
drop:
  call void @Py_DecRef(ptr %out)
  br label %done
done:
  call void @PyGILState_Release(i32 %state)
  %status = zext i1 %raised to i32
  ret i32 %status
}

; an entry, run with the GIL released; called with the GIL
define i32 @fnx_run_released(ptr %run, ptr %parameters, ptr %results, ptr %arena) {
  %thread = call ptr @PyEval_SaveThread()
  %status = call i32 %run(ptr %parameters, ptr %results, ptr %arena)
  call void @PyEval_RestoreThread(ptr %thread)
  ret i32 %status
}

; PyObject *call(PyObject *self, PyObject *const *args, Py_ssize_t n): see native_call.py
define ptr @fnx_call(ptr %self, ptr %args, i64 %n) {
entry:
  %bytes = call ptr @PyTuple_GetItem(ptr %self, i64 0)
  %s = call ptr @PyBytes_AsString(ptr %bytes)
  %n_in = load i64, ptr %s
  %n_out_at = getelementptr i64, ptr %s, i64 1
  %n_out = load i64, ptr %n_out_at
  %class_at = getelementptr i64, ptr %s, i64 2
  %class = load ptr, ptr %class_at
  %buffer_offset_at = getelementptr i64, ptr %s, i64 3
  %buffer_offset = load i64, ptr %buffer_offset_at
  %aval_offset_at = getelementptr i64, ptr %s, i64 4
  %aval_offset = load i64, ptr %aval_offset_at
  %run_at = getelementptr i64, ptr %s, i64 5
  %run = load ptr, ptr %run_at
  %arena_bytes_at = getelementptr i64, ptr %s, i64 6
  %arena_bytes = load i64, ptr %arena_bytes_at
  %release_at = getelementptr i64, ptr %s, i64 7
  %release = load i64, ptr %release_at
  %miss_at = getelementptr i64, ptr %s, i64 8
  %miss = load ptr, ptr %miss_at
  %donates_at = getelementptr i64, ptr %s, i64 9
  %donates = load i64, ptr %donates_at
  %ins = getelementptr i64, ptr %s, i64 12
  %in_words = mul i64 %n_in, 4
  %outs = getelementptr i64, ptr %ins, i64 %in_words
  %enough = icmp eq i64 %n, %n_in
  br i1 %enough, label %frame, label %missed

missed:
  call void @Py_IncRef(ptr %miss)
  ret ptr %miss

frame:
  %room = add i64 %n_in, 1
  %room_out = add i64 %n_out, 1
  %pointers = alloca ptr, i64 %room        ; parameter memory
  %results = alloca ptr, i64 %room_out     ; result memory
  %arrays = alloca ptr, i64 %room_out      ; result objects, or null
  %held = alloca ptr, i64 %room            ; buffers kept alive during the run
  br label %check

check:                                     ; types and avals, by identity
  %i = phi i64 [ 0, %frame ], [ %i1, %fits ]
  %i_more = icmp ult i64 %i, %n_in
  br i1 %i_more, label %look, label %checked
look:
  %arg_at = getelementptr ptr, ptr %args, i64 %i
  %arg = load ptr, ptr %arg_at
  %type_at = getelementptr i8, ptr %arg, i64 8
  %type = load ptr, ptr %type_at
  %is_array = icmp eq ptr %type, %class
  br i1 %is_array, label %aval, label %missed
aval:
  %has_at = getelementptr i8, ptr %arg, i64 %aval_offset
  %has = load ptr, ptr %has_at
  %in_at_word = mul i64 %i, 4
  %in_at = getelementptr i64, ptr %ins, i64 %in_at_word
  %expected = load ptr, ptr %in_at
  %same = icmp eq ptr %has, %expected
  br i1 %same, label %memory, label %missed
memory:
  %buffer_at = getelementptr i8, ptr %arg, i64 %buffer_offset
  %buffer = load ptr, ptr %buffer_at
  %gone = icmp eq ptr %buffer, null        ; donated before: the slow path explains
  br i1 %gone, label %missed, label %fits
fits:
  %data_at = getelementptr i8, ptr %buffer, i64 16
  %data = load ptr, ptr %data_at
  %pointer_at = getelementptr ptr, ptr %pointers, i64 %i
  store ptr %data, ptr %pointer_at
  %i1 = add i64 %i, 1
  br label %check

checked:
  %any_donated = icmp ne i64 %donates, 0
  br i1 %any_donated, label %twice, label %place

twice:                                     ; a donated argument must not be passed a second time
  %d = phi i64 [ 0, %checked ], [ %d1, %twice_next ]
  %d_more = icmp ult i64 %d, %n_in
  br i1 %d_more, label %twice_one, label %place
twice_one:
  %d_word0 = mul i64 %d, 4
  %d_word = add i64 %d_word0, 2
  %d_at = getelementptr i64, ptr %ins, i64 %d_word
  %d_is = load i64, ptr %d_at
  %d_yes = icmp ne i64 %d_is, 0
  %d_arg_at = getelementptr ptr, ptr %args, i64 %d
  %d_arg = load ptr, ptr %d_arg_at
  br i1 %d_yes, label %others, label %twice_next
others:
  %o = phi i64 [ 0, %twice_one ], [ %o1, %others_next ]
  %o_more = icmp ult i64 %o, %n_in
  br i1 %o_more, label %others_one, label %twice_next
others_one:
  %o_arg_at = getelementptr ptr, ptr %args, i64 %o
  %o_arg = load ptr, ptr %o_arg_at
  %o_same = icmp eq ptr %o_arg, %d_arg
  %o_other = icmp ne i64 %o, %d
  %o_bad = and i1 %o_same, %o_other
  br i1 %o_bad, label %missed, label %others_next
others_next:
  %o1 = add i64 %o, 1
  br label %others
twice_next:
  %d1 = add i64 %d, 1
  br label %twice

place:                                     ; memory for every result
  %j = phi i64 [ 0, %checked ], [ 0, %twice ], [ %j1, %placed ]
  %j_more = icmp ult i64 %j, %n_out
  br i1 %j_more, label %place_one, label %arena_wanted
place_one:
  %out_word = mul i64 %j, 6
  %out_at = getelementptr i64, ptr %outs, i64 %out_word
  %size_at = getelementptr i64, ptr %out_at, i64 2
  %size = load i64, ptr %size_at
  %alias_at = getelementptr i64, ptr %out_at, i64 5
  %alias = load i64, ptr %alias_at
  %result_at = getelementptr ptr, ptr %results, i64 %j
  %array_at = getelementptr ptr, ptr %arrays, i64 %j
  store ptr null, ptr %array_at
  %is_alias = icmp sge i64 %alias, 0
  br i1 %is_alias, label %donor, label %take
donor:
  %donor_at = getelementptr ptr, ptr %args, i64 %alias
  %donor_object = load ptr, ptr %donor_at
  %donor_buffer_at = getelementptr i8, ptr %donor_object, i64 %buffer_offset
  %donor_buffer = load ptr, ptr %donor_buffer_at
  %ours = call i1 @is_ours_alone(ptr %donor_buffer)
  %donor_pointer_at = getelementptr ptr, ptr %pointers, i64 %alias
  %donor_pointer = load ptr, ptr %donor_pointer_at
  br i1 %ours, label %inherit, label %copy
inherit:                                   ; the block changes hands: the capsule's owner becomes the new array
  call void @Py_IncRef(ptr %donor_buffer)
  store ptr %donor_buffer, ptr %array_at
  store ptr %donor_pointer, ptr %result_at
  br label %placed
copy:                                      ; somebody else can still see that memory
  %twin = call ptr @fnx_allocate(i64 %size)
  %twin_none = icmp eq ptr %twin, null
  br i1 %twin_none, label %no_memory, label %copy_bytes
copy_bytes:
  call void @llvm.memcpy.p0.p0.i64(ptr %twin, ptr %donor_pointer, i64 %size, i1 false)
  store ptr %twin, ptr %donor_pointer_at
  store ptr %twin, ptr %result_at
  br label %placed
take:
  %block = call ptr @fnx_allocate(i64 %size)
  %block_none = icmp eq ptr %block, null
  br i1 %block_none, label %no_memory, label %took
took:
  store ptr %block, ptr %result_at
  br label %placed
placed:
  %j1 = add i64 %j, 1
  br label %place

no_memory:                                 ; hand back what results 0 .. j-1 took
  %u = phi i64 [ %j, %copy ], [ %j, %take ], [ %j_all, %arena ], [ %u1, %undone ]
  %u_none = icmp eq i64 %u, 0
  br i1 %u_none, label %raise, label %undo
undo:
  %u1 = sub i64 %u, 1
  %u_array_at = getelementptr ptr, ptr %arrays, i64 %u1
  %u_array = load ptr, ptr %u_array_at
  %u_owned = icmp ne ptr %u_array, null
  br i1 %u_owned, label %undo_inherited, label %undo_block
undo_inherited:
  call void @Py_DecRef(ptr %u_array)
  br label %undone
undo_block:
  %u_result_at = getelementptr ptr, ptr %results, i64 %u1
  %u_result = load ptr, ptr %u_result_at
  call void @fnx_release(ptr %u_result)
  br label %undone
undone:
  br label %no_memory
raise:
  %error = call ptr @PyErr_NoMemory()
  ret ptr null

arena_wanted:
  %j_all = phi i64 [ %j, %place ]
  %wants = icmp ne i64 %arena_bytes, 0
  br i1 %wants, label %arena, label %ready
arena:
  %arena_block = call ptr @fnx_allocate(i64 %arena_bytes)
  %arena_none = icmp eq ptr %arena_block, null
  br i1 %arena_none, label %no_memory, label %ready

ready:
  %scratch = phi ptr [ null, %arena_wanted ], [ %arena_block, %arena ]
  br label %hold

hold:                                      ; another thread may drop or donate an argument meanwhile: keep its memory,
  %h = phi i64 [ 0, %ready ], [ %h1, %hold_next ]     ; and take a donated one away before anybody else can
  %h_more = icmp ult i64 %h, %n_in
  br i1 %h_more, label %hold_one, label %run_now
hold_one:
  %h_arg_at = getelementptr ptr, ptr %args, i64 %h
  %h_arg = load ptr, ptr %h_arg_at
  %h_slot = getelementptr i8, ptr %h_arg, i64 %buffer_offset
  %h_buffer = load ptr, ptr %h_slot
  %h_held_at = getelementptr ptr, ptr %held, i64 %h
  store ptr %h_buffer, ptr %h_held_at
  %h_word0 = mul i64 %h, 4
  %h_word = add i64 %h_word0, 2
  %h_donated_at = getelementptr i64, ptr %ins, i64 %h_word
  %h_donated = load i64, ptr %h_donated_at
  %h_gives = icmp ne i64 %h_donated, 0
  br i1 %h_gives, label %hold_move, label %hold_share
hold_move:
  store ptr null, ptr %h_slot
  br label %hold_next
hold_share:
  call void @Py_IncRef(ptr %h_buffer)
  br label %hold_next
hold_next:
  %h1 = add i64 %h, 1
  br label %hold

run_now:
  %long = icmp ne i64 %release, 0
  br i1 %long, label %run_free, label %run_held
run_free:
  %thread = call ptr @PyEval_SaveThread()
  %status_free = call i32 %run(ptr %pointers, ptr %results, ptr %scratch)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %ran
run_held:
  %status_held = call i32 %run(ptr %pointers, ptr %results, ptr %scratch)
  br label %ran
ran:
  %status = phi i32 [ %status_free, %run_free ], [ %status_held, %run_held ]
  br i1 %wants, label %free_arena, label %let_go
free_arena:
  call void @fnx_release(ptr %scratch)
  br label %let_go
let_go:
  %q = phi i64 [ 0, %ran ], [ 0, %free_arena ], [ %q1, %let_go_one ]
  %q_more = icmp ult i64 %q, %n_in
  br i1 %q_more, label %let_go_one, label %finished
let_go_one:
  %q_at = getelementptr ptr, ptr %held, i64 %q
  %q_buffer = load ptr, ptr %q_at
  call void @Py_DecRef(ptr %q_buffer)
  %q1 = add i64 %q, 1
  br label %let_go

finished:
  %failed = icmp ne i32 %status, 0
  br i1 %failed, label %give_up, label %wrap

give_up:                                   ; a callback raised, and its error is set: no result is delivered
  %g = phi i64 [ %n_out, %finished ], [ %g1, %given_up ]
  %g_none = icmp eq i64 %g, 0
  br i1 %g_none, label %error_is_set, label %give_up_one
give_up_one:
  %g1 = sub i64 %g, 1
  %g_array_at = getelementptr ptr, ptr %arrays, i64 %g1
  %g_array = load ptr, ptr %g_array_at
  %g_owned = icmp ne ptr %g_array, null
  br i1 %g_owned, label %give_up_inherited, label %give_up_block
give_up_inherited:
  call void @Py_DecRef(ptr %g_array)
  br label %given_up
give_up_block:
  %g_result_at = getelementptr ptr, ptr %results, i64 %g1
  %g_result = load ptr, ptr %g_result_at
  call void @fnx_release(ptr %g_result)
  br label %given_up
given_up:
  br label %give_up
error_is_set:
  ret ptr null

wrap:
  %tuple = call ptr @PyTuple_New(i64 %n_out)
  br label %wrap_next
wrap_next:
  %w = phi i64 [ 0, %wrap ], [ %w1, %wrapped ]
  %w_more = icmp ult i64 %w, %n_out
  br i1 %w_more, label %wrap_one, label %done
wrap_one:
  %w_word = mul i64 %w, 6
  %w_at = getelementptr i64, ptr %outs, i64 %w_word
  %w_aval = load ptr, ptr %w_at
  %w_descr_at = getelementptr i64, ptr %w_at, i64 1
  %w_descr = load ptr, ptr %w_descr_at
  %w_rank_at = getelementptr i64, ptr %w_at, i64 3
  %w_rank = load i64, ptr %w_rank_at
  %w_dims_at = getelementptr i64, ptr %w_at, i64 4
  %w_dims_offset = load i64, ptr %w_dims_at
  %w_dims = getelementptr i8, ptr %s, i64 %w_dims_offset
  %w_array_at = getelementptr ptr, ptr %arrays, i64 %w
  %w_array = load ptr, ptr %w_array_at
  %w_inherited = icmp ne ptr %w_array, null
  br i1 %w_inherited, label %wrap_object, label %wrap_block
wrap_block:
  %w_result_at = getelementptr ptr, ptr %results, i64 %w
  %w_data = load ptr, ptr %w_result_at
  %w_new = call ptr @fnx_wrap(ptr %w_data, ptr %w_descr, i64 %w_rank, ptr %w_dims)
  %w_failed = icmp eq ptr %w_new, null
  br i1 %w_failed, label %fail, label %wrap_object
wrap_object:
  %w_buffer = phi ptr [ %w_array, %wrap_one ], [ %w_new, %wrap_block ]
  %w_object = call ptr @PyType_GenericAlloc(ptr %class, i64 0)
  %w_no_object = icmp eq ptr %w_object, null
  br i1 %w_no_object, label %fail, label %wrapped
wrapped:
  call void @Py_IncRef(ptr %w_aval)
  %w_buffer_slot = getelementptr i8, ptr %w_object, i64 %buffer_offset
  store ptr %w_buffer, ptr %w_buffer_slot
  %w_aval_slot = getelementptr i8, ptr %w_object, i64 %aval_offset
  store ptr %w_aval, ptr %w_aval_slot
  %w_status = call i32 @PyTuple_SetItem(ptr %tuple, i64 %w, ptr %w_object)
  %w1 = add i64 %w, 1
  br label %wrap_next
fail:                                      ; out of memory for an object header: the remaining results are lost
  call void @Py_DecRef(ptr %tuple)
  ret ptr null
done:
  ret ptr %tuple
}
