# SPDX-License-Identifier: Apache-2.0
# Classes of two recordings; what an action left, of three recordings and of one with marks.
export COLUMNS=100
classes() { # FILE NODES TEXTS: bytes of two classes, the second one told only where it has some
    cat >"$1.trace" <<END
run full exe /bin/x command "x"
thread 1 main
define heap 1 "script"
define class 1 "Node" module "tree"
define class 2 "Text"
at 1s main class-profile 1 1 1 0 0 10 100
at 2s main class-profile 2 1 1 0 0 20 $2
${3:+at 2s main class-profile 2 1 2 unknown unknown 9 $3}
at 3s end exit
END
    "$MKTRACE" "$1.trace" "$1.zst"
}
# keeps FILE CACHED LEFT: a table, what a cache holds, what is left behind
keeps() {
    cat >"$1.trace" <<END
run full exe /bin/x command "x"
thread 1 main
module x 0x400000 0x1000
stack T = 0x400011 0x400101
stack C = 0x400021 0x400101
stack L = 0x400031 0x400101
at 1ms alloc 0x900000 5000 via T
${2:+at 2ms alloc 0xa00000 $2 via C}
${3:+at 3ms alloc 0xb00000 $3 via L}
at 60ms end exit
END
    "$MKTRACE" "$1.trace" "$1.zst"
}
ask() {
    memanalyze diff "$@"
    echo "exit $?"
}
classes few 200
classes many 900 90
ask few.zst many.zst --show classes
ask few.zst many.zst --show classes --all --tolerance 400 --format csv
ask many.zst few.zst --show matching
keeps idle 100
keeps action 4000 800
keeps after 100 700
ask idle.zst action.zst after.zst
cat >x.trace <<'END'
run full exe /bin/x command "x"
thread 1 main
module x 0x400000 0x1000
stack A = 0x400011 0x400101
stack B = 0x400021 0x400101
at 1ms alloc 0x1000 10 via A
at 10ms mark "open"
at 11ms alloc 0x2000 100 via A
at 12ms alloc 0x3000 1000 via B
at 13ms alloc 0x4000 50 via A
at 14ms free 0x4000
at 15ms free 0x1000
at 20ms mark "close"
at 21ms free 0x3000
at 22ms alloc 0x5000 7 via B
at 30ms mark "open"
at 60ms end exit
END
"$MKTRACE" x.trace x.zst
ask x.zst --from open --to close
ask x.zst --from open --to close --after 20.5ms --format csv
ask x.zst --from 0s --to 12us
ask x.zst --from close --to open --by function --format csv
ask x.zst --from open --to shut
ask x.zst --from 1parsec
ask x.zst --after close
ask x.zst x.zst --from open
