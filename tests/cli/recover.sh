# SPDX-License-Identifier: Apache-2.0
# A killed program: import and info see its last events in shared memory, recover makes the trace whole.
export MEMREC_LIBRARY="$LIBMEMREC"
memanalyze record -q --full -o a.zst -- perl -e '@a = map { "x" x 100 } 1 .. 5000; kill 9, $$'
echo "exit $?"
counted() { # events of the file, against the exact counts of its threads
    memanalyze info --format json "$1" |
        jq -r '"\(.event_count == .alloc_calls + .free_calls) \(.event_count > 5000) \(.complete) \(.recovered_events > 0)"'
}
counted a.zst
memanalyze recover --keep a.zst 2>&1 | sed 's/[0-9][0-9]*/N/g'
counted a.whole.zst
memanalyze recover a.zst
echo "exit $?"
memanalyze recover --force a.zst 2>&1 | sed 's/[0-9][0-9]*/N/g'
counted a.whole.zst
memanalyze recover --force a.zst 2>&1 | sed 's/[0-9][0-9]* intact/N intact/'
memanalyze info a.zst >/dev/null
echo "exit $?"
memanalyze recover a.whole.zst
