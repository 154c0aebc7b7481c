# SPDX-License-Identifier: Apache-2.0
# Frames of a program whose collector is Python's own: each tells what it does, by the recorder's C interface. In every tenth
# frame a large graph of cycles is dropped, and collected: it breaks its budget of 10 ms. The last two numbers printed are how
# many collections there were, and for how many milliseconds frames stood for them.
import ctypes, gc, time

memrec = ctypes.CDLL(None)
UNKNOWN = 2**64 - 1


class Gc(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("reason", ctypes.c_uint32), ("reserved", ctypes.c_uint32)] + [
        (name, ctypes.c_uint64) for name in "used_before objects_before previous used_after objects_after reclaimed promoted duration pause".split()]


memrec.memrec_stream.argtypes = [ctypes.c_char_p, ctypes.c_uint64]
memrec.memrec_heap.argtypes = [ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint]
memrec.memrec_name.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
stream = memrec.memrec_stream(b"screen", 10_000_000)
heap = memrec.memrec_heap(b"python", UNKNOWN, 3, 0)
reason = memrec.memrec_name(b"asked", 5)
begun = stood = count = 0


def told(phase, info):
    global begun, stood, count
    cycle = Gc(0, 1, reason, 0, *[UNKNOWN] * 9)
    if phase == "start":
        begun = time.perf_counter()
        memrec.memrec_gc_begin(heap, ctypes.byref(cycle))
    else:
        memrec.memrec_gc_end(heap, ctypes.byref(cycle))
        stood += time.perf_counter() - begun
        count += 1


class Node:
    pass


def graph(size):
    nodes = [Node() for _ in range(size)]
    for node in nodes:
        node.other, node.name = nodes, str(node)


gc.disable()
gc.callbacks.append(told)
for frame in range(60):
    memrec.memrec_frame_begin(stream)
    if frame % 10 == 9:
        graph(60000)
        gc.collect()
    memrec.memrec_frame_end(stream)
gc.callbacks.clear()
print(count, int(1000 * stood))
