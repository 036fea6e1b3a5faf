#!/usr/bin/env bash
# Train on a Slurm cluster.
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#       bash tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [options of train.py]
# GPUS_PER_NODE=0 trains on CPUs, with GPUS processes.
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n '2,5s/^# *//p' "$0" >&2
    exit 2
fi
exec "$(dirname "$0")/slurm_run.sh" "$1" "$2" train.py "$3" \
    --work-dir "$4" "${@:5}"
