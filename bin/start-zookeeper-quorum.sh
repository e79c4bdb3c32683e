#!/bin/sh
# Starts a ZooKeeper server for every server.N line of conf/zoo.cfg.
set -eu
. "$(dirname "$0")/config.sh"
sed -n 's/^server\.\([0-9]*\)[[:space:]]*=[[:space:]]*\([^:]*\).*/\1 \2/p' "$WEIR_CONF_DIR/zoo.cfg" |
    while read -r peer where; do on_host "$where" "$bin/zookeeper.sh" start "$peer" </dev/null; done
