#!/usr/bin/env bash
# Check the package on a machine with a GPU, within a time budget.
#   bash tools/gpu/check.sh OUT [SECONDS, default 600]
# Writes into the folder OUT, as results come in:
#   summary.txt   the machine, and each step's result and duration
#   tables.md     speed.py and downstream_cost.py
#   log.txt       all output
# PYTHON names the interpreter. MMSDAG_GPU_DRY_RUN=1 runs all steps on a CPU,
# to find mistakes of the script where there is no GPU.
set -uo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,9s/^# *//p' "$0" >&2
    exit 2
fi
mkdir -p "$1"
OUT=$(cd "$1" && pwd)
BUDGET=${2:-600}
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3}
DEVICE=cuda
WORKERS=${WORKERS:-8}
if [ -n "${MMSDAG_GPU_DRY_RUN:-}" ]; then
    DEVICE=cpu
fi
export PYTHONUNBUFFERED=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONWARNINGS=ignore
: > "$OUT/log.txt"
FAILED=0

left() { echo $((BUDGET - SECONDS)); }

say() { echo "$*" | tee -a "$OUT/summary.txt"; }

# step NAME SECONDS COMMAND...: run for at most that long, and what is left.
step() {
    local name=$1 limit=$2 start=$SECONDS status last
    shift 2
    if [ "$(left)" -lt 15 ]; then
        say "not run: $name ($(left) s left)"
        return
    fi
    [ "$limit" -lt "$(left)" ] || limit=$(left)
    echo "== $name: $*" >> "$OUT/log.txt"
    timeout --signal=INT --kill-after=10 "$limit" "$@" >> "$OUT/log.txt" 2>&1
    status=$?
    last=$(grep -E ' (passed|failed|error)' "$OUT/log.txt" | tail -n 1)
    case $status in
    0) say "passed: $name, $((SECONDS - start)) s" ;;
    124 | 137) say "stopped: $name, after $limit s" ;;
    *) say "FAILED: $name, exit status $status, $((SECONDS - start)) s" ;;
    esac
    [ $status = 0 ] || FAILED=1
    case $name in tests*) say "  $last" ;; esac
}

# table TITLE SECONDS COMMAND...: as step; rows go into tables.md as well.
table() {
    local title=$1 limit=$2
    shift 2
    printf '\n### %s\n\n`%s`\n\n' "$title" "${*##*/}" >> "$OUT/tables.md"
    # shellcheck disable=SC2016
    step "$title" "$limit" bash -c 'set -o pipefail; "${@:2}" | tee -a "$1"' \
        _ "$OUT/tables.md" "$@"
}

tests() {
    local title=$1 limit=$2
    shift 2
    step "tests: $title" "$limit" "$PYTHON" -m pytest -q -n "$WORKERS" -rfE \
        -p no:cacheprovider --durations=5 "$@"
}

step 'machine' 60 bash -c 'nvidia-smi; nproc; free -g'
step 'packages' 60 "$PYTHON" -m mmsdag.utils.env
grep -m 1 -E '^(GPU|CPU)' "$OUT/log.txt" >> "$OUT/summary.txt"
grep -E '^(torch|numpy|mmengine|mmcv|Python|sys)[ a-z]*: ' "$OUT/log.txt" |
    tr '\n' ' ' >> "$OUT/summary.txt"
say ''
tests 'that need a GPU' 200 -m gpu tests
table 'speed' 130 "$PYTHON" tools/benchmark/speed.py --device $DEVICE \
    --rounds 3 ${MMSDAG_GPU_DRY_RUN:+--quick --no-memory}
table 'cost before a detector and a segmentor' 120 \
    "$PYTHON" tools/benchmark/downstream_cost.py --device $DEVICE --rounds 5 \
    --enhancers fixed_gamma zero_dce 'zero_dce, auto' zero_dce_pp sci ruas \
    ${MMSDAG_GPU_DRY_RUN:+--quick --no-memory}
tests 'all others' "$(left)" -m 'not gpu' --timeout 120 \
    --ignore tests/test_setup.py --ignore tests/test_tools/test_demo.py tests
say "end after $SECONDS s of $BUDGET"
exit $FAILED
