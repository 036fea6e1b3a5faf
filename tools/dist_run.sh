#!/usr/bin/env bash
# Start PROCESSES copies of a tool in this folder; called by dist_*.sh.
#   dist_run.sh PROCESSES TOOL [its arguments]
set -euo pipefail
PROCESSES=$1
TOOL="$(dirname "$0")/$2"
if [ -n "${NNODES:-}" ]; then
    RENDEZVOUS=(--nnodes "$NNODES" --node_rank "${NODE_RANK:-0}"
        --master_addr "${MASTER_ADDR:-127.0.0.1}"
        --master_port "${PORT:-29500}")
else
    RENDEZVOUS=(--standalone) # one machine, a free port
fi
# The processes share the cores; torchrun would give each a single thread.
if [ -z "${OMP_NUM_THREADS:-}" ]; then
    THREADS=$(($(nproc) / PROCESSES))
    export OMP_NUM_THREADS=$((THREADS > 0 ? THREADS : 1))
fi
exec "${PYTHON:-python}" -m torch.distributed.run "${RENDEZVOUS[@]}" \
    --nproc_per_node "$PROCESSES" "$TOOL" "${@:3}" --launcher pytorch
