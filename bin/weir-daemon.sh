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
{ mkdir -p "$WEIR_PID_DIR" && (: >>"$pids.lock"); } || { echo "[ERROR] numbers of processes are kept in $WEIR_PID_DIR, which cannot be written: set env.pid.dir or WEIR_PID_DIR" >&2; exit 1; }

# One at a time: two starts at once would lose a line.
exec 9>"$pids.lock"
flock 9

case $daemon in
standalonesession) mark=jobmanager ;;
standalonejob) mark=standalone-job ;;
zookeeper) mark=org.apache.zookeeper.server.quorum.QuorumPeerMain ;;
*) mark=taskmanager ;;
esac

# One that only waits to be reaped has let go of everything.
alive() { kill -0 "$1" 2>/dev/null && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"; }

# Whether it is what the file says: after a crash the number may be another process's.
is_daemon() { alive "$1" && tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qxF -e "$mark"; }

stop_one() {
    if is_daemon "$1"; then
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

forget_last() {
    sed '$d' "$pids" >"$pids.tmp"
    if [ -s "$pids.tmp" ]; then mv "$pids.tmp" "$pids"; else rm -f "$pids.tmp" "$pids"; fi
}

# Whether it was started by a JobManager with this configuration.
is_own_worker() {
    tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -q '^-Dtaskmanager.resource-id=' &&
        tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -qxF "WEIR_CONF_DIR=$WEIR_CONF_DIR"
}

case $action in
start)
    mkdir -p "$WEIR_LOG_DIR" || { echo "[ERROR] logs go to $WEIR_LOG_DIR, which cannot be made: set env.log.dir or WEIR_LOG_DIR" >&2; exit 1; }
    instances=0
    if [ -f "$pids" ]; then
        while read -r pid; do
            if is_daemon "$pid"; then instances=$((instances + 1)); fi
        done <"$pids"
    fi
    if [ $instances -gt 0 ]; then
        echo "[INFO] $instances instance(s) of $daemon are already running on $host."
    fi
    number=0
    while [ -e "$WEIR_LOG_DIR/$identifier-$daemon-$number-$host.pid" ] &&
        is_daemon "$(cat "$WEIR_LOG_DIR/$identifier-$daemon-$number-$host.pid")"; do
        number=$((number + 1))
    done
    base=$WEIR_LOG_DIR/$identifier-$daemon-$number-$host
    echo "Starting $daemon daemon on host $host."
    [ "$daemon" = zookeeper ] || set -- "$weir" "$@"
    touch "$base.log"
    logged=$(wc -c <"$base.log")
    # It writes its own number down before it is what it is: whoever kills this script leaves no process that stop does not find.
    # shellcheck disable=SC2016
    sh -c 'set -e; echo $$ >"$1"; echo $$ >>"$2"; shift 2; exec setsid "$@"' "$daemon" "$base.pid" "$pids" "$@" \
        >"$base.out" 2>>"$base.log" </dev/null 9>&- &
    pid=$!
    # A process that cannot even start says so here, not only in its log: its first words may take a while on a busy machine.
    waited=0
    while alive $pid && [ "$(wc -c <"$base.log")" -eq "$logged" ] && [ $waited -lt 50 ]; do
        sleep 0.02
        waited=$((waited + 1))
    done
    sleep 0.1
    if ! alive $pid; then
        echo "[ERROR] $daemon on $host ended at once; the end of $base.log:" >&2
        said=$(tail -c "+$((logged + 1))" "$base.log" | tail -n 5)
        echo "${said:-it holds nothing new: is there room in $WEIR_LOG_DIR and $WEIR_PID_DIR?}" >&2
        if [ -s "$pids" ] && [ "$(tail -n 1 "$pids")" = $pid ]; then forget_last; fi
        exit 1
    fi
    ;;
stop)
    if [ ! -s "$pids" ]; then
        echo "No $daemon daemon to stop on host $host."
        exit 0
    fi
    # Those that have ended by themselves do not count as the one that is stopped.
    running=yes
    while [ -s "$pids" ] && [ $running = yes ]; do
        pid=$(tail -n 1 "$pids")
        if is_daemon "$pid"; then running=no; fi
        stop_one "$pid"
        forget_last
    done
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
