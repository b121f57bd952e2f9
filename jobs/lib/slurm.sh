# Functions of the Slurm batch scripts: the program, how its ranks are started, signals, requeueing.
#
# Why here: jobs/*.sbatch share them. Sourced by bash inside a job; never submits one.
#
# environment (sbatch hands it on):
#   LOCKSTEP               the program (default: the one built or installed beside this folder,
#                          else the first on the path)
#   LOCKSTEP_CONTAINER     an Apptainer image (jobs/apptainer.def) to run it from instead
#   LOCKSTEP_LAUNCHER      srun or mpirun (default: srun where Slurm has PMIx)
#   LOCKSTEP_RESTARTS_MAX  after so many restarts a job is not queued again (default: 100)
# shellcheck shell=bash
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lockstep.sh"

# This job in Slurm's commands: the number alone would mean all jobs of an array.
ls_job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID:-}}
ls_job=${ls_job:-$SLURM_JOB_ID}

# The exit code of a lockstep that stopped early, with a checkpoint.
ls_stopped=75

# Sets ls_command: what a rank runs.
ls_find_program() {
    local program
    if [ -n "${LOCKSTEP_CONTAINER:-}" ]; then
        ls_command=(apptainer exec "$LOCKSTEP_CONTAINER" lockstep)
        return
    fi
    program=$(ls_program)
    [ -n "$program" ] || ls_die "there is no lockstep program" \
        "name it: LOCKSTEP=PATH sbatch ..., or put it on the path (module load ...)"
    ls_command=("$program")
}

# The cores, not hyperthreads, that this process may use on its node.
ls_node_cores() {
    local first last cpu
    sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr ',' '\n' |
        while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done |
        while read -r cpu; do
            cat "/sys/devices/system/cpu/cpu$cpu/topology/thread_siblings_list" 2>/dev/null ||
                printf '%s\n' "$cpu"
        done | sort -u | wc -l
}

# ls_launch NODES RANKS-A-NODE: sets ls_start, which starts the ranks on the first nodes of the
# job. Each rank is bound to cores of its own; it runs a thread a core unless OMP_NUM_THREADS says
# otherwise. Threads are not pinned one by one: OMP_PROC_BIND would put the threads of all ranks
# on the same cores wherever a cluster does not bind the ranks.
ls_launch() {
    local launcher=${LOCKSTEP_LAUNCHER:-} cpus=${SLURM_CPUS_PER_TASK:-1} cores
    if [ -z "$launcher" ]; then
        launcher=mpirun
        if srun --mpi=list 2>&1 | grep -q pmix; then launcher=srun; fi
    fi
    case $launcher in
    srun)
        # srun does not take --cpus-per-task from the job since Slurm 22.05.
        ls_start=(srun --mpi=pmix --nodes="$1" --ntasks="$(($1 * $2))" --ntasks-per-node="$2"
            --cpus-per-task="$cpus" --cpu-bind=cores --kill-on-bad-exit=1)
        ;;
    mpirun)
        # Slurm counts hyperthreads where they are on, mpirun counts cores.
        cores=$(($(ls_node_cores) / $2))
        if [ "$cores" -gt "$cpus" ]; then cores=$cpus; fi
        if [ "$cores" -lt 1 ]; then cores=1; fi
        ls_start=(mpirun -n "$(($1 * $2))" --map-by "ppr:$2:node:PE=$cores" --bind-to core)
        # On TERM mpirun waits twice this long (seconds) before it kills its ranks, which got the
        # signal, too, and write a checkpoint. A job that fails ends that much later.
        export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout:-5}
        export PRTE_MCA_odls_base_sigkill_timeout=$OMPI_MCA_odls_base_sigkill_timeout
        ;;
    *) ls_die "LOCKSTEP_LAUNCHER=$launcher" "it is srun or mpirun" ;;
    esac
}

# Asks the ranks for a checkpoint, again and again until they end: a signal that comes while they
# are being started may be lost.
ls_ask_to_stop() {
    ls_asked=yes
    [ -z "$ls_ranks" ] || while kill -USR1 "$ls_ranks" 2>/dev/null; do sleep 10; done &
}

# Whether a job that ended with code CODE should go on later. One that Slurm itself is ending
# (scancel, preemption) is not running any more: it comes back or not as Slurm has decided.
ls_should_go_on() {
    local restarts=${SLURM_RESTART_COUNT:-0}
    # 138: the signal came before lockstep could take it.
    [ "$1" -eq "$ls_stopped" ] || { [ "$1" -eq 138 ] && [ "$ls_asked" = yes ]; } || return 1
    [ "$(squeue -h -j "$ls_job" -o %T)" = RUNNING ] || return 1
    if [ "$restarts" -ge "${LOCKSTEP_RESTARTS_MAX:-100}" ]; then
        ls_say "stopped with a checkpoint, and not queued again after $restarts restarts"
        return 1
    fi
}

# ls_train CONFIG OPTION...: trains on all nodes of the job, from the last checkpoint on, and ends
# the script: with 0 when the training is complete, with lockstep's exit code when it failed, and
# with the job queued again when it was stopped before its end.
#
# Slurm signals this script (--signal=B:USR1@...), which asks the ranks with USR1: that reaches
# them under srun and mpirun alike.
ls_train() {
    local code
    ls_asked=no
    ls_ranks=
    trap ls_ask_to_stop USR1 TERM
    ls_find_program
    ls_launch "${SLURM_JOB_NUM_NODES:-1}" "${SLURM_NTASKS_PER_NODE:-1}"
    "${ls_start[@]}" "${ls_command[@]}" train "$@" --resume &
    ls_ranks=$!
    [ "$ls_asked" = no ] || ls_ask_to_stop
    # A trapped signal ends the wait, not the ranks.
    while kill -0 "$ls_ranks" 2>/dev/null; do wait "$ls_ranks"; done
    wait "$ls_ranks"
    code=$?
    if ls_should_go_on "$code"; then
        ls_say "stopped with a checkpoint; queued again to go on"
        scontrol requeue "$ls_job" || ls_say "submit it again: it goes on by itself"
    fi
    exit "$code"
}
