/* What `lockstep train` does, from the config to the last checkpoint. */
#include "lockstep/train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_files.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/math.h"
#include "provenance.h"
#include "run.h"

static ls_status name_directory(ls_run *run, const ls_train_request *request,
                                const ls_config *config) {
    char *relative = NULL, *path = NULL;
    LS_TRY(request->run_dir != NULL ? ls_strdup(request->run_dir, &relative)
                                    : ls_format(&relative, "runs/%s", config->name));
    ls_status st = ls_path_absolute(relative, &path);
    if (st == LS_OK)
        st = ls_run_dir_name(&run->dir, path);
    ls_free(relative);
    ls_free(path);
    return st;
}

/* Settles on what multiplies: the best that all ranks have. */
static ls_status choose_gemm(ls_comm *comm, ls_trained *t) {
    int *kind = &t->config.compute.gemm;
    const bool free = *kind == LS_GEMM_AUTO;
    ls_status st = ls_agree(comm, ls_gemm_choose(*kind, &t->gemm));
    if (st != LS_OK || !free)
        return st;
    *kind = ls_gemm_kind_of(t->gemm);
    LS_TRY(ls_broadcast(comm, kind, sizeof *kind, 0));
    if (ls_agree(comm, ls_gemm_choose(*kind, &t->gemm)) == LS_OK)
        return LS_OK;
    *kind = LS_GEMM_OPENBLAS;
    return ls_agree(comm, ls_gemm_choose(*kind, &t->gemm));
}

/* What multiplies where the precision is bf16. */
static ls_status choose_precision(ls_comm *comm, ls_trained *t) {
    ls_status st = LS_OK;
    if (t->config.precision != LS_PRECISION_BF16)
        return LS_OK;
    if (t->bf16 == NULL) /* of a checkpoint it may be there */
        st = ls_gemm_create_bf16(&t->bf16);
    t->gemm = t->bf16;
    return ls_agree(comm, st);
}

/* All ranks must compute alike, whatever the libraries chose on their machines. */
static ls_status check_arithmetic(ls_run *run) {
    ls_comm *comm = run->comm;
    const ls_gemm *gemm = run->t->gemm;
    struct {
        char fingerprint[40], gemm[216];
    } mine = {0}, first;
    ls_status st = ls_math_fingerprint(gemm, mine.fingerprint);
    ls_gemm_describe(gemm, mine.gemm, sizeof mine.gemm);
    LS_TRY(ls_agree(comm, st));
    first = mine;
    LS_TRY(ls_broadcast(comm, &first, sizeof first, 0));
    if (strcmp(mine.fingerprint, first.fingerprint) != 0)
        st = ls_hint(ls_fail(LS_ERR_RUNTIME, "arithmetic",
                             "rank %d (%s) does not compute the bits of rank 0 (%s)",
                             ls_comm_rank(comm), mine.gemm, first.gemm),
                     "use nodes of one kind, or set OPENBLAS_CORETYPE to one core type on all");
    memcpy(run->arithmetic, mine.fingerprint, sizeof run->arithmetic);
    return ls_agree(comm, st);
}

/* Compares the stored config with the new one; the new one counts where it may differ. */
static ls_status adopt_config(ls_run *run, ls_config *config, const char *path) {
    char *key = NULL;
    if (config->parallel.strategy == LS_STRATEGY_AUTO)
        config->parallel.strategy = run->t->config.parallel.strategy;
    if (config->compute.gemm == LS_GEMM_AUTO)
        config->compute.gemm = run->t->config.compute.gemm;
    LS_TRY(ls_options_compare(ls_config_table, &run->t->config, config, &key));
    ls_status st = LS_OK;
    if (key[0] != '\0')
        st = ls_hint(ls_fail(LS_ERR_CONFIG, path, "%s differs from the run that is resumed", key),
                     "only train.epochs, data.file, data.memory and checkpoint may change: undo "
                     "the change, or start anew with --overwrite or another --run-dir");
    ls_free(key);
    if (st == LS_OK)
        st = ls_rate_check_epochs(&run->t->config, config, path);
    if (st == LS_OK)
        ls_options_adopt(ls_config_table, &run->t->config, config);
    return st;
}

/* Rank 0 chooses the checkpoint, all learn its path. */
static ls_status choose_checkpoint(ls_run *run) {
    ls_status st = LS_OK;
    if (ls_comm_rank(run->comm) == 0)
        st = ls_checkpoint_choose(&run->dir, run->log, &run->resumed_from);
    LS_TRY(ls_agree(run->comm, st));
    size_t bytes = run->resumed_from != NULL ? strlen(run->resumed_from) + 1 : 0;
    void *path = run->resumed_from;
    st = ls_broadcast_alloc(run->comm, &path, &bytes, 0);
    if (st == LS_OK)
        run->resumed_from = path;
    return st;
}

ls_status ls_run_begin(ls_run *run, ls_config *config) {
    LS_TRY(ls_agree(run->comm, ls_alloc(1, sizeof *run->t, "run", &run->t)));
    run->t->config = *config;
    *config = (ls_config){0};
    LS_TRY(choose_gemm(run->comm, run->t));
    LS_TRY(choose_precision(run->comm, run->t));
    return check_arithmetic(run);
}

/* Where its own library cannot be used, a checkpoint is read for another one (checkpoint_parts.c):
 * its model multiplies by that, whatever can be used now. */
static ls_status check_model(const ls_run *run) {
    ls_status st = LS_OK;
    if (run->t->model->gemm != run->t->gemm)
        st = ls_hint(ls_fail(LS_ERR_RUNTIME, run->resumed_from,
                             "while it was read %s could not be used", ls_gemm_name(run->t->gemm)),
                     "start it again, on another machine if it fails again");
    return ls_agree(run->comm, st);
}

/* A resumed run keeps what its checkpoint holds. */
static ls_status resume(ls_run *run, const ls_train_request *request, ls_config *config) {
    LS_TRY(choose_checkpoint(run));
    LS_TRY(ls_checkpoint_load(run->comm, run->resumed_from, false, &run->t));
    LS_TRY(ls_agree(run->comm, adopt_config(run, config, request->config_path)));
    LS_TRY(choose_gemm(run->comm, run->t));
    LS_TRY(choose_precision(run->comm, run->t));
    LS_TRY(check_model(run));
    return check_arithmetic(run);
}

static ls_run_dir_use directory_use(const ls_train_request *request) {
    return (ls_run_dir_use){request->resume, request->overwrite, request->config_path};
}

/* Rank 0 makes the directory and writes what is known before the first step. */
static ls_status open_directory(ls_run *run, const ls_train_request *request) {
    char *config = NULL;
    const ls_run_dir_use use = directory_use(request);
    LS_TRY(ls_run_dir_open(&run->dir, &use, run->resumed_from == NULL, run->log));
    LS_TRY(ls_log_open_file(run->log, run->dir.log));
    LS_TRY(ls_config_dump(&run->t->config, &config));
    ls_status st = ls_write_file(run->dir.config, config, strlen(config));
    ls_free(config);
    if (st == LS_OK)
        st = ls_write_file(run->dir.provenance, run->t->provenance, strlen(run->t->provenance));
    return st == LS_OK ? ls_history_cut(run) : st;
}

/* srun without an MPI plugin starts processes that know nothing of each other. */
static void warn_if_alone(ls_comm *comm, ls_log *log) {
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
    int64_t n;
    if (ls_comm_size(comm) == 1 && getenv("OMPI_COMM_WORLD_SIZE") == NULL && tasks != NULL &&
        ls_parse_int64(tasks, &n) && n > 1)
        ls_warn(log,
                "srun started %s processes, but MPI knows of one: each trains alone; start them "
                "with srun --mpi=pmix, or with mpirun",
                tasks);
}

static void say_warning(const ls_run *run, const ls_train_request *request) {
    if (request->warning != NULL && request->warning[0] != '\0')
        ls_warn(run->log, "%s", request->warning);
}

static ls_status make_plan(ls_run *run, const ls_train_request *request, ls_buffer *plan) {
    say_warning(run, request);
    LS_TRY(ls_run_plan_exchange(run));
    LS_TRY(ls_run_plan(run, plan));
    return ls_agree(run->comm, plan->status);
}

static bool is_finished(const ls_run *run) {
    const ls_train_state *s = &run->t->state;
    return s->finished != 0 || s->epoch >= (uint64_t)run->t->config.train.epochs;
}

static void say_end(const ls_run *run) {
    const ls_train_state *s = &run->t->state;
    char time[32];
    char best[128] = "";
    if (s->best_epoch > 0)
        snprintf(best, sizeof best, "; best %s %.6g in epoch %llu", ls_trained_monitor(run->t),
                 s->best_value, (unsigned long long)s->best_epoch);
    ls_note(run->log, "trained %llu epoch%s in %s%s", (unsigned long long)s->epoch,
            s->epoch == 1 ? "" : "s", ls_print_duration(s->seconds, time), best);
    ls_note(run->log, "run directory: %s", run->dir.path);
}

static ls_status train_from_here(ls_run *run, const ls_train_request *request) {
    bool root = ls_comm_rank(run->comm) == 0;
    LS_TRY(ls_agree(run->comm, root ? ls_check_directories(run->dir.path) : LS_OK));
    ls_status st = ls_run_load(run);
    if (st == LS_STOPPED)
        ls_note(run->log, "stopped while reading the data; go on with --resume");
    LS_TRY(st);
    if (root)
        run->deadline = ls_deadline_find(run->log, run->began, request->time_limit_s);
    LS_TRY(ls_agree(run->comm, ls_provenance_add(run, request)));
    LS_TRY(ls_agree(run->comm, root ? open_directory(run, request) : LS_OK));
    say_warning(run, request); /* into the log, too */
    if (run->resumed_from != NULL)
        ls_note(run->log, "resumed from %s after epoch %llu, step %llu", run->resumed_from,
                (unsigned long long)run->t->state.epoch, (unsigned long long)run->t->state.step);
    LS_TRY(ls_run_loop(run));
    say_end(run);
    return LS_OK;
}

/* Whether the directory can be used, as rank 0 sees it; *go_on on all ranks. */
static ls_status check_directory(ls_run *run, const ls_train_request *request, bool *go_on) {
    bool found = false;
    ls_status st = LS_OK;
    const ls_run_dir_use use = directory_use(request);
    if (ls_comm_rank(run->comm) == 0 && request->dry_run)
        st = ls_run_dir_holds_checkpoint(&run->dir, &found); /* it disturbs and asks nobody */
    else if (ls_comm_rank(run->comm) == 0)
        st = ls_run_dir_check(&run->dir, &use, run->log, &found);
    LS_TRY(ls_agree(run->comm, st));
    LS_TRY(ls_broadcast(run->comm, &found, sizeof found, 0));
    *go_on = found && request->resume && !request->overwrite;
    return LS_OK;
}

static ls_status train(ls_run *run, const ls_train_request *request, ls_config *config,
                       ls_buffer *plan) {
    bool go_on = false;
    LS_TRY(ls_agree(run->comm, name_directory(run, request, config)));
    LS_TRY(check_directory(run, request, &go_on));
    LS_TRY(go_on ? resume(run, request, config) : ls_run_begin(run, config));
    if (go_on && is_finished(run)) {
        ls_note(run->log, "%s: the run has finished: %llu epochs are done", run->dir.path,
                (unsigned long long)run->t->state.epoch);
        return LS_OK;
    }
    LS_TRY(ls_run_prepare(run));
    return request->dry_run ? make_plan(run, request, plan) : train_from_here(run, request);
}

ls_status ls_train(ls_comm *comm, ls_log *log, const ls_train_request *request, ls_buffer *plan) {
    ls_run run = {.comm = comm, .log = log, .dir = {.lock_fd = -1}, .began = ls_clock_s()};
    ls_config config = {0};
    warn_if_alone(comm, log);
    ls_status st = ls_math_init();
    if (st == LS_OK && request->resume && request->overwrite)
        st = ls_fail(LS_ERR_USAGE, NULL, "--resume and --overwrite exclude each other");
    if (st == LS_OK)
        st = ls_config_read(request->config_path, request->sets, request->n_sets, &config);
    st = ls_agree(comm, st);
    if (st == LS_OK)
        st = train(&run, request, &config, plan);
    ls_run_free(&run);
    ls_config_free(&config);
    return st;
}
