#!/bin/sh
# Stops what start-zookeeper-quorum.sh started.
set -eu
. "$(dirname "$0")/config.sh"
sed -n 's/^server\.[0-9]*[[:space:]]*=[[:space:]]*\([^:]*\).*/\1/p' "$WEIR_CONF_DIR/zoo.cfg" |
    while read -r where; do on_host "$where" "$bin/zookeeper.sh" stop </dev/null; done
