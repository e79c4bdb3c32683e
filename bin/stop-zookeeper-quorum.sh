#!/bin/sh
# Stops what start-zookeeper-quorum.sh started. A host that cannot be reached is named at the end.
set -eu
. "$(dirname "$0")/config.sh"
servers=$(read_servers "$WEIR_CONF_DIR/zoo.cfg" | cut -d ' ' -f 1,2 --output-delimiter=:)
for server in $servers; do
    attempt "server ${server%%:*} on ${server#*:}" on_host "${server#*:}" "$bin/zookeeper.sh" stop </dev/null
done
tell_failed "Could not be stopped"
