#!/bin/sh
# Stops what start-cluster.sh started: TaskManagers first, so that nobody deploys their tasks again. A host that cannot be
# reached keeps those of the others from nothing: it is named at the end.
set -eu
. "$(dirname "$0")/config.sh"
masters=$(read_hosts "$WEIR_CONF_DIR/masters")
workers=$(read_hosts "$WEIR_CONF_DIR/workers")
for worker in $workers; do attempt "the TaskManager on $worker" on_host "$worker" "$bin/taskmanager.sh" stop; done
for master in $masters; do attempt "the JobManager $master" on_host "${master%%:*}" "$bin/jobmanager.sh" stop; done
# JobManagers end the TaskManagers that they have started; those that were killed could not.
for name in $(echo "$masters" | sed 's/:.*//' | sort -u); do
    attempt "TaskManagers of JobManagers on $name" on_host "$name" "$bin/jobmanager.sh" stop-workers
done
tell_failed "Could not be stopped"
