#!/bin/sh
# weir-daemon.sh (start|stop|stop-all|stop-workers) NAME VERB [ARGUMENTS]: a process of the cluster in the background.
# Several of a kind may run on a host; stop ends the one started last.
set -eu
. "$(dirname "$0")/config.sh"

usage="Usage: weir-daemon.sh (start|stop|stop-all|stop-workers) (standalonesession|standalonejob|taskexecutor|zookeeper|localworker) VERB [ARGUMENTS]"
action=${1:-} daemon=${2:-}
[ -n "$action" ] && [ -n "$daemon" ] || { echo "$usage" >&2; exit 1; }
shift 2
pids=$WEIR_PID_DIR/$identifier-$daemon.pid
mkdir -p "$WEIR_PID_DIR"

# One at a time: two starts at once would lose a line.
exec 9>"$pids.lock"
flock 9

alive() { kill -0 "$1" 2>/dev/null; }

stop_one() {
    if alive "$1"; then
        echo "Stopping $daemon daemon (pid: $1) on host $host."
        kill "$1"
        waited=0
        while alive "$1" && [ $waited -lt 100 ]; do
            sleep 0.1
            waited=$((waited + 1))
        done
        if alive "$1"; then kill -9 "$1" 2>/dev/null || true; fi
    else
        echo "No $daemon daemon (pid: $1) is running anymore on $host."
    fi
}

# Whether it was started by a JobManager with this configuration.
is_own_worker() {
    tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -q '^-Dtaskmanager.resource-id=' &&
        tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -qxF "WEIR_CONF_DIR=$WEIR_CONF_DIR"
}

case $action in
start)
    mkdir -p "$WEIR_LOG_DIR"
    instances=0
    if [ -f "$pids" ]; then
        while read -r pid; do
            if alive "$pid"; then instances=$((instances + 1)); fi
        done <"$pids"
    fi
    if [ $instances -gt 0 ]; then
        echo "[INFO] $instances instance(s) of $daemon are already running on $host."
    fi
    number=0
    while [ -e "$WEIR_LOG_DIR/$identifier-$daemon-$number-$host.pid" ] &&
        alive "$(cat "$WEIR_LOG_DIR/$identifier-$daemon-$number-$host.pid")"; do
        number=$((number + 1))
    done
    base=$WEIR_LOG_DIR/$identifier-$daemon-$number-$host
    echo "Starting $daemon daemon on host $host."
    program=$weir
    if [ "$daemon" = zookeeper ]; then program=; fi
    setsid $program "$@" >"$base.out" 2>>"$base.log" </dev/null 9>&- &
    pid=$!
    echo $pid >"$base.pid"
    echo $pid >>"$pids"
    # A process that cannot even start says so here, not only in its log.
    sleep 0.1
    if ! alive $pid; then
        echo "[ERROR] $daemon on $host ended at once; the end of $base.log:" >&2
        tail -n 5 "$base.log" >&2
        exit 1
    fi
    ;;
stop)
    if [ ! -s "$pids" ]; then
        echo "No $daemon daemon to stop on host $host."
        exit 0
    fi
    stop_one "$(tail -n 1 "$pids")"
    sed '$d' "$pids" >"$pids.tmp"
    if [ -s "$pids.tmp" ]; then mv "$pids.tmp" "$pids"; else rm -f "$pids.tmp" "$pids"; fi
    ;;
stop-all)
    if [ ! -s "$pids" ]; then
        echo "No $daemon daemon to stop on host $host."
        exit 0
    fi
    while read -r pid; do stop_one "$pid"; done <"$pids"
    rm -f "$pids"
    ;;
stop-workers)
    # A number may be another process's by now, and other clusters of this user list theirs here, too.
    [ -f "$WEIR_WORKER_PIDS" ] || exit 0
    others=''
    while read -r pid; do
        if is_own_worker "$pid"; then stop_one "$pid"; elif alive "$pid"; then others="$others$pid
"; fi
    done <"$WEIR_WORKER_PIDS"
    printf %s "$others" >"$WEIR_WORKER_PIDS"
    [ -n "$others" ] || rm -f "$WEIR_WORKER_PIDS"
    ;;
*)
    echo "Unexpected argument '$action'. $usage" >&2
    exit 1
    ;;
esac
