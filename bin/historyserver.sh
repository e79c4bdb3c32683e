#!/bin/sh
# historyserver.sh: the name that people type.
echo "[ERROR] historyserver.sh: a history server is not implemented; JobManagers keep what they know of jobs that have ended (GET /jobs/overview)" >&2
exit 1
