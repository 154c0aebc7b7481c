# SPDX-License-Identifier: Apache-2.0
cat >x.trace <<'END'
run sampled interval 512K exe /bin/x command "x -v" pid 42 parent-pid 41 host h boot b allocator "glibc 2.36" unwinder cfi arch x86_64 os "Linux 6.1" recorder 0.1.0 start-unix-ns 1700000000000000000
thread 1 main
thread 2 worker
module x 0x400000 0x1000
stack A = 0x401010 0x401020
at 10ms alloc 0x1000 100 via A
at 20ms free 0x1000
at 25ms counters 1 allocs 1234567 bytes 5368709120 frees 1234566
at 25ms counters 2 allocs 1 bytes 1 frees 0 ended
at 30ms gauge recorder.dropped_samples 3
at 90s end
END
"$MKTRACE" x.trace x.zst
memanalyze info x.zst | sed 's/^size .* B,/size N B,/;s/[0-9.]* bytes per event/N bytes per event/'
memanalyze info --format json x.zst | sed 's/bytes": [0-9][0-9]*/bytes": N/'

# What the program told, in words and in numbers.
cat >y.trace <<'END'
run sampled interval 512K exe /bin/y pid 43
thread 1 main
define stream 1 "screen" budget 16666667
define heap 1 "lua" capacity 64M
define pool 1 "scratch" kind arena
define class 1 "string"
repeat 1200 every 10ms
at 1ms main frame-begin 1
at 2ms main phase-begin 1 "logic"
at 3ms main phase-end 1 "logic"
at 4ms main frame-end 1
done
at 1ms span-begin 1 "request" "GET /"
at 2ms span-end 1 ok
at 3ms eval-begin "(f 1)" heap 1
at 4ms eval-end 100
at 1s gc-cycle 1 full
at 2s gc-begin 1 full
at 2s gc-pause-begin 1
at 2s gc-pause-end 1
at 2s gc-end 1
at 2s gc-survivors 1 class 1 generations 3 objects 4 bytes 5
at 3s heap-usage 1 100
at 3s class-profile 1 1 1
at 3s retained 1 1 "globals"
at 3s pool-state 1 100
at 4s object 0x1000 100 heap 1 via f@x.lua:1<main@
at 5s mark "before"
at 5s heap-counters 1 allocs 9 bytes 900 frees 8 freed 800
at 6s heap-counters 1 allocs 2000 bytes 2K frees 20 freed 1K
at 6s heap-counters 2 allocs 1 bytes 1K
at 6s gauge recorder.dropped_marks 1
at 6s gauge recorder.refused_calls 2
at 6s gauge recorder.full_tables 0
at 12s end
END
"$MKTRACE" y.trace y.zst
memanalyze info y.zst | sed -n '/^in heaps/,/^ended/p'
memanalyze info --format json y.zst | sed -n '/"heap_alloc_calls"/,/"full_tables"/p'
