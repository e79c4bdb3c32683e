#!/bin/sh
# Starts a ZooKeeper server for every server.N line of conf/zoo.cfg. One that cannot be started keeps the others from nothing:
# it is named at the end.
set -eu
. "$(dirname "$0")/config.sh"
servers=$(read_servers "$WEIR_CONF_DIR/zoo.cfg" | cut -d ' ' -f 1,2 --output-delimiter=:)
[ -n "$servers" ] || { echo "$0: $WEIR_CONF_DIR/zoo.cfg has no server.N line" >&2; exit 1; }
for server in $servers; do
    attempt "server ${server%%:*} on ${server#*:}" on_host "${server#*:}" "$bin/zookeeper.sh" start "${server%%:*}" </dev/null
done
tell_failed "Could not be started"
