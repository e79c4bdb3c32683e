#!/bin/sh
# yarn-session.sh: the name that people type for a session on YARN.
echo "[ERROR] yarn-session.sh: YARN is not implemented; this build runs standalone clusters (bin/start-cluster.sh)" >&2
exit 1
