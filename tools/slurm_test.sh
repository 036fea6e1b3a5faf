#!/usr/bin/env bash
# Test on a Slurm cluster.
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#       bash tools/slurm_test.sh PARTITION JOB CONFIG CHECKPOINT [options of test.py]
# GPUS_PER_NODE=0 tests on CPUs, with GPUS processes.
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n '2,5s/^# *//p' "$0" >&2
    exit 2
fi
exec "$(dirname "$0")/slurm_run.sh" "$1" "$2" test.py "$3" "$4" "${@:5}"
