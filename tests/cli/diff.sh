# SPDX-License-Identifier: Apache-2.0
# What changed between two recordings: by equal work, whatever the program is called and however often it ran.
export COLUMNS=100
# serve NAME REQUESTS SIZE LEAK: a module of this name; each request takes SIZE bytes and gives them back, and keeps LEAK
serve() {
    cat <<END
run full exe /bin/$1 command "$1"
thread 1 main
module $1 0x400000 0x1000
stack A = 0x400011 0x400101
stack B = 0x400021 0x400101
stack C = 0x400031 0x400101
at 1ms alloc 0x900000 100000 via C
repeat $2 every 5ms
at 2ms main span-begin 1+1 "request"
at 3ms alloc 0x800000 $3 via A
at 4ms free 0x800000
${4:+at 4ms alloc 0x10000+64 $4 via B}
at 5ms main span-end 1+1 ok
done
at 60s end exit
END
}
record() { # FILE NAME REQUESTS SIZE [LEAK]
    serve "$2" "$3" "$4" "${5:-}" >"$1.trace" && "$MKTRACE" "$1.trace" "$1.zst"
}
ask() {
    memanalyze diff "$@"
    echo "exit $?"
}
record a x 100 1000
record same x 100 1000
record half x 50 1000
record more x 50 1500
record leak x 100 1000 40
record renamed y 100 1500
ask a.zst same.zst
ask a.zst half.zst --show sites        # as much for each request, and start-up is not work
ask half.zst a.zst --show sites
ask a.zst more.zst --show sites
ask a.zst more.zst --show sites --per run --format csv
ask a.zst leak.zst --show sites
ask a.zst renamed.zst --show sites
ask a.zst more.zst --show figures --format json
ask a.zst more.zst --per span --tolerance 60% --show sites
