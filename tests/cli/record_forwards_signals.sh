# SPDX-License-Identifier: Apache-2.0
# A signal sent to the recorder reaches the program; what the program makes of it is the exit code.
export MEMREC_LIBRARY="$LIBMEMREC"
memanalyze record -q -o a.zst -- sh -c 'trap "echo got it; exit 5" TERM; echo >ready; while :; do sleep 0.05; done' &
recorder=$!
while [ ! -e ready ]; do sleep 0.05; done
kill -TERM $recorder
wait $recorder
