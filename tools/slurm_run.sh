#!/usr/bin/env bash
# Start a tool in this folder through srun; called by slurm_*.sh.
#   slurm_run.sh PARTITION JOB TOOL [its arguments]
set -euo pipefail
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
if [ "$GPUS_PER_NODE" -gt 0 ]; then
    PLACES=("--gres=gpu:$GPUS_PER_NODE" "--ntasks-per-node=$GPUS_PER_NODE")
else
    PLACES=(--nodes=1)
fi
export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}
# SRUN_ARGS holds several arguments, so it is not quoted.
# shellcheck disable=SC2086
exec srun -p "$1" --job-name="$2" "${PLACES[@]}" --ntasks="$GPUS" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/$3" "${@:4}" --launcher slurm
