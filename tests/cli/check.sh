# SPDX-License-Identifier: Apache-2.0
# Budgets: limits and statements, kept, broken, not told; a baseline; each format.
export COLUMNS=100
# serve REQUESTS SIZE LEAK: each request takes SIZE bytes and gives them back, and keeps LEAK
serve() {
    cat <<END
run full exe /bin/x command "x" host "h<1>"
thread 1 main
module x 0x400000 0x1000
stack A = 0x400011 0x400101
stack B = 0x400021 0x400101
at 1ms alloc 0x900000 100000 via B
repeat $1 every 5ms
at 2ms main span-begin 1+1 "request"
at 3ms alloc 0x800000 $2 via A
at 4ms free 0x800000
${3:+at 4ms alloc 0x10000+4096 $3 via B}
at 5ms main span-end 1+1 ok
done
at 60s gauge process.rss_bytes 50000000
at 60s end exit
END
}
record() { # FILE REQUESTS SIZE [LEAK]
    serve "$2" "$3" "${4:-}" >"$1.trace" && "$MKTRACE" "$1.trace" "$1.zst"
}
record a 100 1000
record same 100 1020
record shorter 50 1000
record more 100 1500
record leak 100 1000 3000
cat >kept.ini <<END
; nothing here is broken
[memory]
figure peak.rss_bytes <= 64 MiB
figure peak.live_bytes < 102 KB
figure   leak.count=0
optional figure frame.alloc_bytes.p99 <= 1 KiB
[work]
figure span.duration_ns.p99.request < 3.5 ms
figure run.duration_ns == 60 s
figure alloc.bytes_per_second <= 10 kB/s
END
cat >broken.ini <<END
figure end.live_bytes <= 50 KiB
figure span.count > 1000
figure spam.count <= 1
END
cat >sites.sql <<'END'
-- SPDX-License-Identifier: Apache-2.0
-- no site keeps half, or "more": 100 % <b>
SELECT s.function, x.bytes AS live_bytes
  FROM stack_stat x JOIN stack s ON s.id = x.stack_id
 WHERE x.run_id = $1 AND x.measure = 'live' AND x.bytes > 50000;
SELECT 1 WHERE ';' = '.';
END
ask() {
    memanalyze check "$@"
    echo "exit $?"
}
ask a.zst --budget kept.ini
ask a.zst --budget broken.ini --budget sites.sql
memanalyze check a.zst -b "$SOURCE_DIR/analyzer/examples/budget.ini" -b "$SOURCE_DIR/analyzer/examples/budget.sql"; echo "exit $?"
for format in json junit github; do
    ask a.zst --budget broken.ini --budget sites.sql --format $format
done
grown() { # RECORDING OPTION...: what grew beyond the baseline
    memanalyze check "$@" --baseline a.zst --format github >grown.out
    echo "exit $?"
    grep '^::' grown.out
}
grown same.zst
grown shorter.zst
grown more.zst
grown more.zst --tolerance 60%
grown leak.zst
memanalyze check more.zst --baseline a.zst | grep -E 'baseline|span|rss|grew'
