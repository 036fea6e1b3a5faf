#!/usr/bin/env bash
# Test with several processes: on GPUs (nccl), or on CPU cores (gloo).
#   bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 2
fi
exec "$(dirname "$0")/dist_run.sh" "$3" test.py "$1" "$2" "${@:4}"
