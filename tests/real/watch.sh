# shellcheck shell=sh disable=SC1091,SC2154  # lib.sh is read at run time
# SPDX-License-Identifier: Apache-2.0
#
# watch.sh -- a recording while it happens: in a terminal, which tmux plays, and as a page that a client asks for.
. "$SOURCE_DIR/tests/real/lib.sh"
need tmux python3
export TMPDIR=$PWD
socket=$PWD/tmux

# within SECONDS COMMAND...: waits until it succeeds.
within() {
    within_left=$(($1 * 5))
    shift
    until "$@"; do
        within_left=$((within_left - 1))
        [ $within_left -gt 0 ] || return 1
        sleep 0.2
    done
}
shows() { tmux -S "$socket" capture-pane -p -t w | grep -q "$1"; }
expect() {
    checks=$((checks + 1))
    within 20 shows "$1" || fails terminal "it does not show \"$1\" but: $(tmux -S "$socket" capture-pane -p -t w)"
}

MEMREC_INTERVAL=4K MEMREC_TRACE=$PWD/live.zst LD_PRELOAD=$LIBMEMREC "$python3" -c '
import time
keep = []
end = time.time() + 60
while time.time() < end:
    keep.append(bytearray(10000))
    time.sleep(0.001)' &
program=$!
trap 'kill $program 2>/dev/null; tmux -S "$socket" kill-server 2>/dev/null' EXIT
within 10 test -s live.zst || fails record "no trace"

tmux -S "$socket" new-session -d -s w -x 100 -y 30 "TERM=screen '$MEMANALYZE' watch $program 2>watch.err; echo \$? >watch.code; sleep 60"
expect 'report set'
expect ' recording  '
expect '^resident .* MiB'
expect '^allocated .*/s'
tmux -S "$socket" send-keys -t w 1
expect ' recording   1m'
expect 'q quits'
tmux -S "$socket" resize-window -t w -x 70 -y 16
expect 'heap *allocated'
tmux -S "$socket" send-keys -t w Space Space
expect 'hotspots\|temporary\|rss'
checks=$((checks + 1))
tmux -S "$socket" capture-pane -p -t w | awk 'length > 70 { bad = 1 } END { exit bad }' || fails terminal "wider than its window"

# the page: for those who know the token, under the address of this machine
"$MEMANALYZE" watch live.zst --web >address 2>web.err &
web=$!
served=yes
if ! within 10 test -s address; then
    served=
    grep -q 'without libmicrohttpd' web.err || fails web "no address: $(cat web.err)"
fi
cat >client.py <<'P'
import http.client, json, re, sys, time
address = open("address").read().strip()
port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([0-9a-f]{32})", address).groups()
def ask(path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()
def until_served(path):
    for attempt in range(100):
        answer = ask(path)
        if answer.status != 503:
            return answer
        time.sleep(0.2)
page = until_served(f"/?token={token}")
text = page.read().decode()
assert page.status == 200 and "data-live" in text and "connect-src 'self'" in text, page.status
assert ask("/?token=" + "0" * 32).status == 403, "another token"
assert ask("/").status == 403, "no token"
assert ask(f"/?token={token}", Host="evil.example").status == 403, "another host"
assert ask(f"/other?token={token}").status == 404, "another page"
first = json.load(ask(f"/data?token={token}"))
events = ask(f"/events?token={token}")
line = b""
while not line.startswith(b"data:"):
    line = events.fp.readline()
    assert line, "the events end"
second = json.load(ask(f"/data?token={token}"))
length = lambda data: next(t for t in data["charts"] if t["name"] == "facts")["rows"][0][5]
assert length(second) > length(first), (length(first), length(second))
P
if [ -n "$served" ]; then
    checks=$((checks + 1))
    python3 client.py >client.out 2>&1 || fails web "$(tail -n 3 client.out) $(cat web.err)"
    kill $web
    wait $web || fails web "exit code $? after Ctrl-C"
fi

# the end of the program is seen, q ends the view and leaves nothing behind
kill $program
wait $program 2>/dev/null
tmux -S "$socket" send-keys -t w q
checks=$((checks + 1))
within 10 test -s watch.code && [ "$(cat watch.code)" = 0 ] || fails terminal "exit code $(cat watch.code), $(cat watch.err)"
checks=$((checks + 1))
[ -z "$(find . -maxdepth 1 -name 'memanalyze.*')" ] || fails terminal "a folder is left"

checks=$((checks + 1))
"$MEMANALYZE" watch live.zst </dev/null >out 2>err && fails refuses "without a terminal"
grep -q 'needs a terminal' err || fails refuses "$(cat err)"
checks=$((checks + 1))
"$MEMANALYZE" watch 4194303 >out 2>err && fails refuses "a process that is not there"
grep -q 'no process 4194303' err || fails refuses "$(cat err)"
finish
