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
memanalyze info --format json x.zst | sed 's/"trace_bytes": [0-9]*/"trace_bytes": N/'
