/* The program: finds the command, starts MPI, runs it, and turns its status into one message
 * and one exit code on all ranks. Does no work itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/text.h"
#include "lockstep/math/math.h"
#include "lockstep/train/threads.h"
#include "version.h"

/* Every command of the program; a new one is a file cmd_<name>.c and a row here. */
static const ls_command *const commands[] = {
    &ls_cmd_train, &ls_cmd_evaluate, &ls_cmd_predict, &ls_cmd_import,
    &ls_cmd_synth, &ls_cmd_inspect,  &ls_cmd_bench,   NULL,
};

static void print_usage(FILE *to) {
    fprintf(to, "lockstep trains neural networks on large dense matrices, on one machine or many.\n"
                "\n"
                "usage: lockstep COMMAND ...          (or: mpirun -n RANKS lockstep COMMAND ...)\n"
                "       lockstep COMMAND --help\n"
                "       lockstep --version\n"
                "\n");
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\nexit codes: 0 done, 1 failed at run time, 2 wrong usage or config, 3 bad data,\n"
                "            4 diverged, 75 stopped early (go on with --resume)\n");
}

static const ls_command *find_command(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static ls_status unknown_command(const char *name) {
    const char *names[sizeof commands / sizeof *commands];
    size_t n = 0;
    for (; commands[n] != NULL; n++)
        names[n] = commands[n]->name;
    return ls_hint_nearest(ls_fail(LS_ERR_USAGE, NULL, "unknown command '%s'", name), name, names,
                           n, "the commands");
}

/* The one place where a failure is printed. */
static int report(ls_status st) {
    if (st != LS_OK && st != LS_STOPPED) {
        const ls_error *e = ls_error_last();
        const char *text = e->message[0] != '\0' ? e->message : ls_status_sentence(st);
        fprintf(stderr, "lockstep: error: %s\n", text);
        if (e->hint[0] != '\0')
            fprintf(stderr, "hint: %s\n", e->hint);
    }
    return ls_status_exit_code(st);
}

/* The run's log file keeps the failure that ended it. */
static void log_failure(ls_log *log, ls_status st) {
    if (st == LS_OK || st == LS_STOPPED)
        return;
    const ls_error e = *ls_error_last();
    ls_log_only(log, "error: %s", e.message[0] != '\0' ? e.message : ls_status_sentence(st));
    if (e.hint[0] != '\0')
        ls_log_only(log, "hint: %s", e.hint);
}

static bool wants_help(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            return false;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

/* Results that did not reach stdout, on a full disk say, are a failure like any other. */
static ls_status flush_results(ls_status st) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return st;
    return st == LS_OK ? ls_fail_errno(LS_ERR_IO, "standard output", "write") : st;
}

/* Runs one command (NULL: argv names none) on all ranks and returns the exit code that they share.
 */
static int run_command(const ls_command *command, int argc, char **argv) {
    ls_cli cli = {0};
    if (command != NULL && command->before_mpi != NULL)
        command->before_mpi();
    ls_status st = ls_comm_init(&argc, &argv, &cli.comm);
    if (st != LS_OK)
        return report(st);
    int rank = ls_comm_rank(cli.comm);
    cli.argc = argc - 2;
    cli.argv = argv + 2;
    st = rank == 0 ? ls_log_create(false, &cli.log) : LS_OK;
    st = ls_agree(cli.comm, st);
    if (st == LS_OK)
        st = ls_threads_share(cli.comm, cli.threads_warning, sizeof cli.threads_warning);
    if (st == LS_OK && command == NULL)
        st = unknown_command(argv[1]);
    else if (st == LS_OK && (rank == 0 || !command->root_only))
        st = command->run(&cli);
    st = ls_agree(cli.comm, flush_results(st));
    int code = rank == 0 ? report(st) : ls_status_exit_code(st);
    log_failure(cli.log, st);
    fflush(NULL);
    ls_comm_finalize(cli.comm);
    ls_log_destroy(cli.log);
    return code;
}

/* OpenBLAS chooses its kernels while it is loaded, so that a better choice takes a new start. Where
 * that fails the program goes on, slowly. */
static void start_again_with_better_kernels(char **argv) {
    char path[4096]; /* not the link, which would give the process its name */
    const char *core = ls_math_better_core();
    const ssize_t n = core != NULL ? readlink("/proc/self/exe", path, sizeof path - 1) : -1;
    if (n <= 0 || setenv("OPENBLAS_CORETYPE", core, 0) != 0)
        return;
    path[n] = '\0';
    execv(path, argv);
}

int main(int argc, char **argv) {
    start_again_with_better_kernels(argv);
    if (argc < 2) {
        print_usage(stderr);
        return ls_status_exit_code(LS_ERR_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return report(flush_results(LS_OK));
    }
    if (strcmp(argv[1], "--version") == 0) {
        ls_print_version(stdout);
        return report(flush_results(LS_OK));
    }
    const ls_command *command = find_command(argv[1]);
    if (command != NULL && wants_help(argc - 2, argv + 2)) {
        fputs(command->usage, stdout);
        return report(flush_results(LS_OK));
    }
    return run_command(command, argc, argv);
}
