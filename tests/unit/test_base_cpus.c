/* Processors: how ranks divide masks, cores, quotas and Slurm's count; what cgroup files say. */
#include <math.h>
#include <sys/stat.h>

#include "lockstep/base/cpus.h"
#include "test_files.h"

static void set(ls_cpu_set *s, int i) {
    s->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

/* A process on the processors [first, first + n) of a machine with smt processors a core, their
 * cores beginning at every smt-th of them, and with possible cores in all. */
static ls_cpus process(int first, int n, int smt, int possible, int threads) {
    ls_cpus p = {.possible = possible, .quota = INFINITY, .threads = threads};
    for (int i = first; i < first + n; i++) {
        set(&p.processors, i);
        set(&p.cores, i - i % smt);
    }
    return p;
}

static void shares_of_one_mask(void **state) {
    (void)state;
    ls_cpus p[5];
    static const int expected[] = {8, 4, 2, 2, 1}; /* of 8 cores for 1 to 5 processes */
    for (size_t n = 1; n <= 5; n++) {
        for (size_t i = 0; i < n; i++)
            p[i] = process(0, 8, 1, 8, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(ls_cpus_share(p, n, i), expected[n - 1]);
    }
}

static void shares_of_own_masks(void **state) {
    (void)state;
    ls_cpus p[] = {process(0, 6, 1, 16, 0), process(6, 2, 1, 16, 0), process(64, 1, 1, 16, 0)};
    assert_int_equal(ls_cpus_share(p, 3, 0), 6);
    assert_int_equal(ls_cpus_share(p, 3, 1), 2);
    assert_int_equal(ls_cpus_share(p, 3, 2), 1);
    ls_cpus overlap[] = {process(0, 4, 1, 8, 0), process(2, 4, 1, 8, 0)};
    assert_int_equal(ls_cpus_share(overlap, 2, 0), 3); /* 2 alone, 2 with another */
    assert_int_equal(ls_cpus_share(overlap, 2, 1), 3);
}

static void more_processes_than_cores(void **state) {
    (void)state;
    ls_cpus p[] = {process(0, 2, 1, 2, 0), process(0, 2, 1, 2, 0), process(0, 2, 1, 2, 0)};
    assert_int_equal(ls_cpus_share(p, 3, 1), 1);
}

static void hyperthreads_are_no_cores(void **state) {
    (void)state;
    ls_cpus p[] = {process(0, 16, 2, 8, 0), process(0, 16, 2, 8, 0)};
    assert_int_equal(ls_cpus_share(p, 1, 0), 8);
    assert_int_equal(ls_cpus_share(p, 2, 1), 4);
    ls_cpus_use use;
    p[0].threads = 8; /* neither idle nor too many */
    ls_cpus_judge(p, 1, &use);
    assert_int_equal(use.possible, 8);
    assert_int_equal(use.processors, 16);
    assert_true(use.load <= 1);
}

static void grants(void **state) {
    (void)state;
    ls_cpus p[] = {process(0, 64, 1, 64, 0), process(0, 64, 1, 64, 0)};
    p[0].quota = p[1].quota = 6.5;
    assert_int_equal(ls_cpus_share(p, 1, 0), 6);
    assert_int_equal(ls_cpus_share(p, 2, 0), 3);
    ls_cpus s = process(0, 16, 2, 8, 0);
    s.slurm = 4; /* hyperthreads: two cores */
    assert_int_equal(ls_cpus_share(&s, 1, 0), 2);
    ls_cpus_use use;
    s.threads = 4;
    ls_cpus_judge(&s, 1, &use);
    assert_int_equal(use.possible, 2);
    assert_int_equal(use.processors, 4);
    assert_true(use.load <= 1);
    s.threads = 5;
    ls_cpus_judge(&s, 1, &use);
    assert_true(use.load > 1.2);
}

static void judgements(void **state) {
    (void)state;
    ls_cpus_use use;
    ls_cpus free[] = {process(0, 16, 1, 16, 8), process(0, 16, 1, 16, 8)};
    ls_cpus_judge(free, 2, &use);
    assert_int_equal(use.ranks, 2);
    assert_int_equal(use.threads, 16);
    assert_int_equal(use.fit, 8);
    assert_true(fabs(use.load - 1) < 1e-9);
    /* Two ranks bound to a core each, by mpirun's default. */
    ls_cpus bound[] = {process(0, 1, 1, 16, 8), process(1, 1, 1, 16, 1)};
    ls_cpus_judge(bound, 2, &use);
    assert_true(fabs(use.load - 8) < 1e-9);
    assert_int_equal(use.cores, 2);
    assert_int_equal(use.possible, 16);
    assert_int_equal(use.fit, 8);
    /* Unequal ranks that fill the machine together. */
    ls_cpus unequal[] = {process(0, 8, 1, 8, 6), process(0, 8, 1, 8, 2)};
    ls_cpus_judge(unequal, 2, &use);
    assert_true(fabs(use.load - 1) < 1e-9);
    ls_cpus unknown = {.quota = INFINITY, .threads = 3};
    ls_cpus_judge(&unknown, 1, &use);
    assert_int_equal(use.ranks, 0);
    assert_int_equal(ls_cpus_share(&unknown, 1, 0), 0);
}

static void this_process(void **state) {
    (void)state;
    ls_cpus mine, again;
    ls_cpus_find(&mine);
    ls_cpus_find(&again);
    assert_true(ls_cpus_share(&mine, 1, 0) >= 1);
    assert_true(mine.possible >= 1);
    assert_true(mine.quota > 0);
    assert_memory_equal(&mine, &again, sizeof mine); /* looking changes nothing */
}

/* Writes a file below the test's directory, which stands for /proc and /sys/fs/cgroup. */
__attribute__((format(printf, 2, 3))) static void put_file(const char *name, const char *format,
                                                           ...) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", test_dir, name);
    for (char *slash = path + strlen(test_dir); (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    va_list args;
    va_start(args, format);
    vfprintf(f, format, args);
    va_end(args);
    fclose(f);
}

static double quota(void) {
    return ls_cgroup_quota(at("cgroup"), at("mountinfo"));
}

static void cgroups_version_2(void **state) {
    (void)state;
    put_file("cgroup", "0::/user/job 7/step\n");
    put_file("mountinfo",
             "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
             "30 22 0:26 / %s/v2 rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
             test_dir);
    assert_true(isinf(quota())); /* no file at all */
    put_file("v2/user/job 7/step/cpu.max", "max 100000\n");
    assert_true(isinf(quota()));
    put_file("v2/user/cpu.max", "350000 100000\n");
    assert_true(quota() == 3.5);
    put_file("v2/user/job 7/cpu.max", "150000 100000\n");
    assert_true(quota() == 1.5);
    put_file("v2/user/job 7/step/cpu.max", "20000 10000\n");
    assert_true(quota() == 1.5);
}

/* Inside a container the mounted root is the container's own cgroup. */
static void cgroups_of_a_container(void **state) {
    (void)state;
    put_file("cgroup", "5:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/\n");
    put_file("mountinfo",
             "31 22 0:27 /docker/ab %s/memory rw - cgroup cgroup rw,memory\n"
             "32 22 0:28 /docker/ab %s/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
             test_dir, test_dir);
    put_file("cpu/cpu.cfs_period_us", "100000\n");
    put_file("cpu/cpu.cfs_quota_us", "-1\n");
    assert_true(isinf(quota()));
    put_file("cpu/cpu.cfs_quota_us", "250000\n");
    assert_true(quota() == 2.5);
    put_file("memory/cpu.cfs_quota_us", "1000\n"); /* not the hierarchy that counts */
    put_file("memory/cpu.cfs_period_us", "100000\n");
    assert_true(quota() == 2.5);
}

static void strange_files(void **state) {
    (void)state;
    put_file("cgroup", "rubbish\n:\n::\n1:cpu\n\n0::");
    put_file("mountinfo", "\n- -\n1 2 3 4 5 6 7\n1 2 3 / %s - cgroup2\n1 2 3 /x - cgroup",
             test_dir);
    assert_true(isinf(quota()));
    put_file("cpu.max", "-5 0\n");
    assert_true(isinf(quota()));
    assert_true(isinf(ls_cgroup_quota("/nowhere/a", "/nowhere/b")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_of_one_mask),
        cmocka_unit_test(shares_of_own_masks),
        cmocka_unit_test(more_processes_than_cores),
        cmocka_unit_test(hyperthreads_are_no_cores),
        cmocka_unit_test(grants),
        cmocka_unit_test(judgements),
        cmocka_unit_test(this_process),
        cmocka_unit_test_setup_teardown(cgroups_version_2, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(cgroups_of_a_container, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(strange_files, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
