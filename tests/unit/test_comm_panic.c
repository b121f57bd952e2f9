/* A panic: one error line with rank and place, and exit code 1. Each dies in a child process. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lockstep/comm/comm.h"
#include "unit.h"

static void broken_invariant(ls_comm *comm) {
    ls_panic(comm, "the place", "%d is not %s", 7, "eight");
}

/* MPI refuses a rank that is not there. */
static void mpi_error(ls_comm *comm) {
    int value = 0;
    ls_send(comm, &value, sizeof value, 99);
}

/* Runs the function as a rank of its own in a child; its exit code, and what it says. */
static int die(void (*how)(ls_comm *comm), char *said, size_t size) {
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ls_comm *comm = NULL;
        if (dup2(ends[1], STDERR_FILENO) < 0 || ls_comm_init(NULL, NULL, &comm) != LS_OK)
            _exit(99);
        (void)close(ends[0]);
        how(comm);
        _exit(98);
    }
    (void)close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    assert_non_null(from);
    size_t n = fread(said, 1, size - 1, from);
    said[n] = '\0';
    (void)fclose(from);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check(void (*how)(ls_comm *comm), const char *line) {
    static char said[1 << 16];
    assert_int_equal(die(how, said, sizeof said), 1);
    const char *error = strstr(said, "lockstep: error: ");
    assert_non_null(error);
    assert_null(strstr(error + 1, "lockstep: error: "));
    assert_int_equal(strncmp(error, line, strlen(line)), 0);
}

static void panics(void **state) {
    (void)state;
    check(broken_invariant, "lockstep: error: rank 0: the place: 7 is not eight\n");
    check(mpi_error, "lockstep: error: rank 0: MPI_Isend: MPI_ERR_RANK");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(panics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
