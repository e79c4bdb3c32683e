#!/bin/sh
# kubernetes-session.sh: the name that people type for a session on Kubernetes.
echo "[ERROR] kubernetes-session.sh: Kubernetes is not implemented; this build runs standalone clusters (bin/start-cluster.sh)" >&2
exit 1
