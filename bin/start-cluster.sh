#!/bin/sh
# Starts the JobManagers of conf/masters and the TaskManagers of conf/workers, over ssh where they are other hosts. One that
# cannot be started keeps the others from nothing: it is named at the end.
set -eu
. "$(dirname "$0")/config.sh"
masters=$(read_hosts "$WEIR_CONF_DIR/masters")
workers=$(read_hosts "$WEIR_CONF_DIR/workers")
[ -n "$masters" ] || { echo "$0: $WEIR_CONF_DIR/masters names no host" >&2; exit 1; }
type=$(config_value high-availability.type embedded | tr '[:upper:]' '[:lower:]')
started=''
if [ "$type" = none ]; then
    echo "Starting cluster."
    attempt "the JobManager" "$bin/jobmanager.sh" start
    [ -n "$failed" ] || started=yes
else
    echo "Starting HA cluster with $(echo "$masters" | wc -l) masters."
    for master in $masters; do
        name=${master%%:*}
        port=${master#"$name"}
        before=$failed
        attempt "the JobManager $master" on_host "$name" "$bin/jobmanager.sh" start "$name" "${port#:}"
        [ "$failed" != "$before" ] || started=yes
    done
fi
# Started twice by mistake, say: TaskManagers beyond those of conf/workers would help nobody.
[ -n "$started" ] || tell_failed "No TaskManager is started, for no JobManager could be"
for worker in $workers; do
    if is_local "$worker"; then
        attempt "the TaskManager on $worker" "$bin/taskmanager.sh" start
    else # the other hosts reach it by the name that it has here
        attempt "the TaskManager on $worker" on_host "$worker" "$bin/taskmanager.sh" start "-Dtaskmanager.host=$worker"
    fi
done
tell_failed "Could not be started"
