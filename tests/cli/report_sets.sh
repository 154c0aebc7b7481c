# SPDX-License-Identifier: Apache-2.0
# The first screen: which set of reports is taken and why, sets by name, of the user's own, and what is refused.
export XDG_CONFIG_HOME="$PWD/config" COLUMNS=100
mkdir -p config/memanalyze/sets
cat >config/memanalyze/sets/mine.set <<'END'
mine: how many stacks.
Rank: 5
When: SELECT 'frames of ' || name || ' were told' FROM frame_stream WHERE run_id = COALESCE($1, 1) AND name = 'mine'
Show: 1 hotspots --order calls
  {site}[, and {samples} samples][ {no_such_column}]
Show: 2 leaks --verdict leak
  {function} leaks
Show: 1 pools
Else: no pools here
Show: 1 classes
  {class}
Else: -
END
cat >config/memanalyze/sets/broken.set <<'END'
broken: it.
Show: some summary
END
trace() { # name, and what it tells
    { cat <<'END'
run full exe /bin/x command "x" pid 42
thread 1 main
module x 0x400000 0x1000
stack A = 0x400011
at 10ms alloc 0x1000 100 via A
END
        cat
        echo "at 30ms end exit"; } >"$1.trace"
    "$MKTRACE" "$1.trace" "$1.zst"
}
page() { # without the trace's size, which is the compressor's
    memanalyze report "$@" | sed 's/trace  *[0-9.]* [KMi]*B/trace N B/'
}
C='c 0 0 0 0 0 0 0'
trace plain </dev/null
trace game <<END
define stream 1 "screen" budget 1000000
at 11ms main frame-begin 1 minor-faults 0 major-faults 0 overflows 0 overflow-bytes 0 $C
at 15ms main frame-end 1 minor-faults 0 major-faults 0 overflows 0 overflow-bytes 0 $C
END
trace server <<END
at 11ms main span-begin span 1 kind "request" label "GET /" how 0 parent 0 $C
at 12ms main span-end span 1 end ok $C
END
trace lsp <<END
at 11ms main span-begin span 1 kind "parse" label "a.c" how 0 parent 0 $C
at 12ms main span-end span 1 end ok $C
at 13ms main span-begin span 2 kind "parse" label "b.c" how 0 parent 0 $C
at 14ms main span-end span 2 end ok $C
END
trace repl <<END
define heap 1 "cells"
at 11ms main eval-begin "1 + 1" heap 1 used 100 $C
at 12ms main eval-end used 100 high-water 0 $C
END
trace desktop <<END
at 11ms main mark "idle"
at 20ms main mark "active"
END
{ cat <<'END'
run full exe /bin/x command "x" pid 42
thread 1 main
module x 0x400000 0x1000
stack A = 0x400011
repeat 10 every 1s
at 10ms alloc 0x1000+1000 100 via A
done
at 70s end exit
END
} >idle.trace
"$MKTRACE" idle.trace idle.zst
trace embedded <<END
at 11ms gauge process.rss_bytes 1000000
at 11ms gauge process.cgroup_limit_bytes 16777216
END
trace mine <<END
define stream 1 "mine" budget 1000000
define stream 2 "other"
END
page plain.zst 2>&1 | sed "s|$PWD/||" | head -3
rm config/memanalyze/sets/broken.set
for set in plain server lsp repl desktop idle embedded mine; do
    page $set.zst | grep -A1 '^report set'
done
page game.zst
page game.zst --profile mine
memanalyze report mine.zst --format csv
memanalyze report --profile mine --explain
memanalyze report hotspots game.zst --profile mine --format csv
memanalyze report game.zst --profile gane
memanalyze report game.zst --limit 3
memanalyze report game.zst --run 7
