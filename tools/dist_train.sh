#!/usr/bin/env bash
# Train with several processes: on GPUs (nccl), or on CPU cores (gloo).
#   bash tools/dist_train.sh CONFIG PROCESSES [options of train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 2
fi
exec "$(dirname "$0")/dist_run.sh" "$2" train.py "$1" "${@:3}"
