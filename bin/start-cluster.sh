#!/bin/sh
# Starts the JobManagers of conf/masters and the TaskManagers of conf/workers, over ssh where they are other hosts.
set -eu
. "$(dirname "$0")/config.sh"
masters=$(read_hosts "$WEIR_CONF_DIR/masters")
workers=$(read_hosts "$WEIR_CONF_DIR/workers")
[ -n "$masters" ] || { echo "$0: $WEIR_CONF_DIR/masters names no host" >&2; exit 1; }
type=$(config_value high-availability.type embedded | tr '[:upper:]' '[:lower:]')
if [ "$type" = none ]; then
    echo "Starting cluster."
    "$bin/jobmanager.sh" start
else
    echo "Starting HA cluster with $(echo "$masters" | wc -l) masters."
    for master in $masters; do
        where=${master%%:*}
        port=${master#"$where"}
        on_host "$where" "$bin/jobmanager.sh" start "$where" "${port#:}"
    done
fi
for worker in $workers; do
    if is_local "$worker"; then
        "$bin/taskmanager.sh" start
    else # the other hosts reach it by the name that it has here
        on_host "$worker" "$bin/taskmanager.sh" start "-Dtaskmanager.host=$worker"
    fi
done
