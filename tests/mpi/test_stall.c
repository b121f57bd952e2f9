/* A rank that keeps the others waiting is named once, by the lowest rank that waits and by nobody
 * else, in whatever operation; when it comes, everything is as if it had been in time. */
#include <unistd.h>

#include "lockstep/comm/comm.h"
#include "lockstep/comm/exchange.h"
#include "test_files.h"

#define NOTICE_S 1.5
#define PATIENCE_S 100.0

static ls_comm *comm;
static int rank, size;
static char name[64]; /* of the case, as the ranks' activity */

static char *log_of(int r) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/log.%d", test_dir, r);
    return path;
}

/* The warning in rank r's log about this case, or "" */
static const char *warning_of(int r) {
    static char line[1024];
    FILE *f = fopen(log_of(r), "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strstr(line, name) != NULL) {
            (void)fclose(f);
            return line;
        }
    if (f != NULL)
        (void)fclose(f);
    line[0] = '\0';
    return line;
}

/* Comes when the speaker has complained. */
static void be_late(int speaker) {
    for (int tries = 0; warning_of(speaker)[0] == '\0'; tries++) {
        assert_true(tries < PATIENCE_S * 100);
        (void)usleep(10000);
    }
}

static void begin(const char *operation, int first_late, int last_late) {
    (void)snprintf(name, sizeof name, "%s, late %d and %d", operation, first_late, last_late);
    ls_barrier(comm);
    ls_comm_activity(comm, "%s", name);
    if (rank == first_late || rank == last_late)
        be_late(first_late == 0 ? 1 : 0);
}

static void contains(const char *line, const char *text) {
    if (strstr(line, text) == NULL)
        fail_msg("'%s' does not say '%s'", line, text);
}

static void check(const char *operation, int first_late, int last_late) {
    int pid = (int)getpid(), n_late = 1 + (first_late != last_late);
    int speaker = first_late == 0 ? 1 : 0;
    char host[64] = "", who[128], text[256];
    (void)gethostname(host, sizeof host - 1);
    ls_barrier(comm);
    OK(ls_broadcast(comm, &pid, sizeof pid, first_late));
    (void)snprintf(who, sizeof who, "%d (%s, pid %d)", first_late, host, pid);
    (void)snprintf(text, sizeof text,
                   n_late == 1 ? "warning: rank %s has kept %d rank%s waiting for"
                               : "warning: ranks %s and ",
                   who, size - n_late, size - n_late == 1 ? "" : "s");
    contains(warning_of(speaker), text);
    pid = (int)getpid();
    OK(ls_broadcast(comm, &pid, sizeof pid, last_late));
    (void)snprintf(text, sizeof text, "%d (%s, pid %d) ha", last_late, host, pid);
    contains(warning_of(speaker), text);
    (void)snprintf(text, sizeof text, " s in the %s (%s)\n", operation, name);
    contains(warning_of(speaker), text);
    for (int r = 0; r < size; r++)
        if (r != speaker)
            assert_string_equal(warning_of(r), "");
}

/* Who is late in one case has waited in another: what it said then must not excuse it. */
static void agreement(void **state) {
    (void)state;
    int late[] = {size - 1, 0};
    for (size_t i = 0; size > 1 && i < 2; i++) {
        begin("agreement", late[i], late[i]);
        OK(ls_agree(comm, LS_OK));
        check("agreement", late[i], late[i]);
    }
}

static void two_are_late(void **state) {
    (void)state;
    if (size < 3)
        return;
    begin("barrier", 0, 2);
    ls_barrier(comm);
    check("barrier", 0, 2);
}

static void broadcast(void **state) {
    (void)state;
    int value = rank == 0 ? 17 : -1;
    if (size == 1)
        return;
    begin("broadcast", 0, 0);
    OK(ls_broadcast(comm, &value, sizeof value, 0));
    check("broadcast", 0, 0);
    assert_int_equal(value, 17);
}

/* Ranks that have nothing to do with the message wait for the next agreement, in vain too. */
static void message(void **state) {
    (void)state;
    int value = rank, last = size - 1;
    char operation[64];
    if (size == 1)
        return;
    begin("message", last, last);
    if (rank == last)
        ls_send(comm, &value, sizeof value, 0);
    if (rank == 0)
        ls_receive(comm, &value, sizeof value, last);
    OK(ls_agree(comm, LS_OK));
    assert_int_equal(value, rank == 0 ? last : rank);
    (void)snprintf(operation, sizeof operation, "message from rank %d", last);
    /* Rank 0 tells of the longest wait: its own or another's. */
    check(strstr(warning_of(0), "agreement") != NULL ? "agreement" : operation, last, last);
}

static void ignore(void *context, size_t first, size_t n, const float *sum) {
    (void)context;
    (void)first;
    (void)n;
    (void)sum;
}

/* Through memory, and through messages. */
static void exchange(void **state) {
    (void)state;
    for (size_t sharing = 0; sharing < 2 && size > 1; sharing++) {
        static const size_t edge[] = {0, 100, 200};
        ls_tree_range owned[64];
        ls_exchange_deal((size_t)size, edge, 2, owned);
        const ls_exchange_spec spec = {.n_leaves = 8, .owned = owned, .sharing = sharing};
        ls_exchange *ex = NULL;
        OK(ls_exchange_create(comm, &spec, &ex));
        OK(ls_exchange_allocate(ex, NULL));
        begin("exchange", 1, 1);
        ls_exchange_go_round(ex, &(ls_exchange_round){.use = ignore, .gathers = true});
        /* Rank 1 may own nothing that another waits for before the gathering. */
        check(strstr(warning_of(0), "exchange of gradients") != NULL ? "exchange of gradients"
                                                                     : "gathering of weights",
              1, 1);
        ls_exchange_destroy(ex);
    }
}

/* Rank 2 waits for rank 0 all the time, which first waits for rank 1 and then is late itself:
 * rank 1, which speaks then, blames it only for its own part. */
static void one_after_the_other(void **state) {
    (void)state;
    int value = 0;
    if (size != 3)
        return;
    ls_barrier(comm);
    (void)snprintf(name, sizeof name, "one after the other");
    ls_comm_activity(comm, "%s", name);
    if (rank == 1) {
        be_late(0);
        ls_send(comm, &value, sizeof value, 0);
    } else if (rank == 0) {
        ls_receive(comm, &value, sizeof value, 1);
        be_late(1);
        ls_send(comm, &value, sizeof value, 2);
    } else {
        ls_receive(comm, &value, sizeof value, 0);
    }
    ls_barrier(comm);
    contains(warning_of(0), "rank 1 (");
    contains(warning_of(1), "rank 0 (");
    double late_s = 0;
    const char *blame = strstr(warning_of(1), "waiting for ");
    assert_non_null(blame);
    assert_int_equal(sscanf(blame, "waiting for %lf s", &late_s), 1);
    assert_true(late_s >= NOTICE_S && late_s < 2 * NOTICE_S);
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreement), cmocka_unit_test(two_are_late),
        cmocka_unit_test(broadcast), cmocka_unit_test(message),
        cmocka_unit_test(exchange),  cmocka_unit_test(one_after_the_other)};
    ls_log *log = NULL;
    if (ls_log_create(true, &log) != LS_OK || ls_log_open_file(log, log_of(rank)) != LS_OK ||
        ls_comm_watch(comm, NOTICE_S, PATIENCE_S, log) != LS_OK)
        return 1;
    ls_barrier(comm);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ls_barrier(comm);
    if (rank == 0)
        failed |= remove_dir(NULL);
    ls_comm_finalize(comm);
    ls_log_destroy(log);
    return failed;
}

/* A message that nobody sends: no rank is late, and the run ends all the same. */
static int deadlock(void) {
    int value;
    if (ls_comm_watch(comm, 0.5, 1, NULL) != LS_OK)
        return 1;
    ls_receive(comm, &value, sizeof value, (rank + 1) % size);
    return 1;
}

int main(int argc, char **argv) {
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    rank = ls_comm_rank(comm);
    size = ls_comm_size(comm);
    if (argc > 1 && strcmp(argv[1], "deadlock") == 0)
        return deadlock();
    if (rank == 0 && make_dir(NULL) != 0)
        return 1;
    return ls_broadcast(comm, test_dir, sizeof test_dir, 0) == LS_OK ? run() : 1;
}
