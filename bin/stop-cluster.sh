#!/bin/sh
# Stops what start-cluster.sh started: TaskManagers first, so that nobody deploys their tasks again.
set -eu
. "$(dirname "$0")/config.sh"
for worker in $(read_hosts "$WEIR_CONF_DIR/workers"); do on_host "$worker" "$bin/taskmanager.sh" stop; done
for master in $(read_hosts "$WEIR_CONF_DIR/masters"); do on_host "${master%%:*}" "$bin/jobmanager.sh" stop; done
# JobManagers end the TaskManagers that they have started; those that were killed could not.
for master in $(read_hosts "$WEIR_CONF_DIR/masters" | sed 's/:.*//' | sort -u); do on_host "$master" "$bin/jobmanager.sh" stop-workers; done
