# SPDX-License-Identifier: Apache-2.0
# The program's streams, arguments and exit code are its own.
export MEMREC_LIBRARY="$LIBMEMREC"
echo input | memanalyze record -q -o a.zst -- sh -c 'cat; echo "$1" "$2"; echo complaint >&2; exit 7' name 'two words' -o
echo "$?"
memanalyze record -q -o b.zst sh -c 'kill -TERM $$'
echo "$?"
memanalyze record -q -o b.zst true
echo "$?"
memanalyze record -q --force -o b.zst true
echo "$?"
memanalyze info a.zst | grep '^ended'
memanalyze info b.zst | grep '^ended'
LD_PRELOAD=libc.so.6 memanalyze record -q -o 100%%.zst sh -c 'echo "${LD_PRELOAD##*:}"'
memanalyze record -q -o 'n.%e.zst' true
for trace in *.zst; do
    case $trace in
    [ab].[0-9]* | 100*.[0-9]*) ;; # of child processes
    *) echo "$trace" ;;
    esac
done
