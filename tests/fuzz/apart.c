/* Runs in a process of their own, whose coverage comes back to the fuzzer.
 *
 * Why here: HDF5 is not instrumented and crashes on some damaged files. What ends with a frame of
 * libhdf5 on the stack is HDF5's: its function is printed, once each, and the fuzzer goes on with
 * a new process. Anything else is run again in the fuzzer itself, which reports and keeps it in
 * its own way.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "lockstep/format/h5.h"

#define SECONDS_MAX 20
#define MEMORY_MAX_KIB (1536L * 1024)
#define INPUT_MAX ((size_t)1 << 20)
enum { DEPTH = 64, SEEN_MAX = 256 };

/* libFuzzer's counters, which clang puts into every object. */
extern uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];

/* Shared with the process apart. */
typedef struct exchange {
    size_t size; /* of the input */
    bool in_hdf5;
    char place[120];
    uint8_t input[INPUT_MAX];
    uint8_t counters[];
} exchange;

static exchange *shared;
static size_t n_counters;

/* The process apart: a byte to it begins a run, a byte from it says that it ended well. */
static struct {
    pid_t pid; /* 0: none */
    int to, from;
} apart;

/* HDF5 is known by its library, whatever of libc it has called. */
static bool name_place(void *address) {
    Dl_info about;
    if (dladdr(address, &about) == 0 || strstr(about.dli_fname, "libhdf5") == NULL)
        return false;
    shared->in_hdf5 = true;
    if (about.dli_sname != NULL)
        snprintf(shared->place, sizeof shared->place, "%s", about.dli_sname);
    else /* a function that is not exported */
        snprintf(shared->place, sizeof shared->place, "libhdf5+0x%zx",
                 (size_t)((const char *)address - (const char *)about.dli_fbase));
    return true;
}

static void keep_counters(void) {
    memcpy(shared->counters, __start___sancov_cntrs, n_counters);
}

static void on_signal(int number) {
    void *frame[DEPTH];
    const int n = backtrace(frame, DEPTH);
    for (int i = 0; i < n && !name_place(frame[i]); i++) {
    }
    if (number == SIGALRM)
        strncat(shared->place, " (without end)", sizeof shared->place - strlen(shared->place) - 1);
    keep_counters();
    _exit(99);
}

/* AddressSanitizer's own words, "    #1 0x7f... (/lib/...so+0x...)". */
static void on_report(const char *text) {
    for (const char *at = strstr(text, "#0 0x"); at != NULL; at = strstr(at + 1, " 0x")) {
        void *address = (void *)(uintptr_t)strtoull(strstr(at, "0x"), NULL, 16);
        const char *end = strstr(at, "\n\n"), *next = strchr(at, '\n');
        if (name_place(address) || next == NULL || next == end)
            break; /* of the first stack: the others tell where the memory came from */
    }
    keep_counters();
    _exit(99); /* before libFuzzer keeps what is not this input */
}

static void set_handlers(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        const struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER};
        fuzz_expect(sigaction(signals[i], &act, NULL) == 0, "a signal can not be handled");
    }
    __asan_set_error_report_callback(on_report);
}

/* Runs one input after the other until the fuzzer closes the pipe. */
static _Noreturn void serve(void (*run)(const uint8_t *, size_t), int from, int to) {
    char byte;
    struct rusage used;
    if (freopen("/dev/null", "w", stderr) == NULL || dup2(fileno(stderr), 2) < 0)
        _exit(98);
    set_handlers();
    while (read(from, &byte, 1) == 1) {
        memset(__start___sancov_cntrs, 0, n_counters);
        alarm(SECONDS_MAX);
        run(shared->input, shared->size);
        alarm(0);
        getrusage(RUSAGE_SELF, &used);
        fuzz_expect(used.ru_maxrss < MEMORY_MAX_KIB, "too much memory");
        keep_counters();
        if (write(to, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

static void start(void (*run)(const uint8_t *, size_t)) {
    int to[2], from[2];
    fuzz_expect(pipe(to) == 0 && pipe(from) == 0, "no pipe");
    apart.pid = fork();
    fuzz_expect(apart.pid >= 0, "no process");
    if (apart.pid == 0) {
        close(to[1]);
        close(from[0]);
        serve(run, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    apart.to = to[1];
    apart.from = from[0];
}

/* Whether the input that is there was read to its end; else the process is gone. */
static bool run_one(void) {
    char byte = 0;
    ssize_t n;
    fuzz_expect(write(apart.to, &byte, 1) == 1, "the process apart does not listen");
    while ((n = read(apart.from, &byte, 1)) < 0 && errno == EINTR) {
    }
    if (n == 1)
        return true;
    close(apart.to);
    close(apart.from);
    while (waitpid(apart.pid, NULL, 0) < 0 && errno == EINTR) {
    }
    apart.pid = 0;
    return false;
}

static void prepare(void) {
    char version[32];
    void *frame[2];
    signal(SIGPIPE, SIG_IGN);
    n_counters = (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
    shared = mmap(NULL, sizeof *shared + n_counters, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fuzz_expect(shared != MAP_FAILED, "no shared memory");
    ls_h5_version(version);    /* starts HDF5 before the processes part */
    (void)backtrace(frame, 2); /* loads what it needs */
}

/* Prints a place once, and keeps the input in the folder FUZZ_KEEP. */
static void print_place(const char *place, const uint8_t *data, size_t size) {
    static char seen[SEEN_MAX][sizeof shared->place];
    static int n;
    char path[400] = "";
    const char *folder = getenv("FUZZ_KEEP");
    for (int i = 0; i < n; i++)
        if (strcmp(seen[i], place) == 0)
            return;
    if (n == SEEN_MAX)
        return;
    snprintf(seen[n], sizeof seen[n], "%s", place);
    if (folder != NULL)
        snprintf(path, sizeof path, "%s/hdf5-%d-%d", folder, (int)getpid(), n);
    n++;
    FILE *f = folder != NULL ? fopen(path, "wb") : NULL;
    if (f != NULL) {
        (void)fwrite(data, 1, size, f);
        fclose(f);
    }
    fprintf(stderr, "in HDF5: %s %s\n", place, path);
}

static bool is_wanted(void) {
    const char *text = getenv("FUZZ_APART");
    return text == NULL || strcmp(text, "0") != 0;
}

void fuzz_apart(void (*run)(const uint8_t *, size_t), const uint8_t *data, size_t size) {
    if (shared == NULL)
        prepare();
    if (size > INPUT_MAX)
        return;
    if (!is_wanted()) {
        run(data, size);
        return;
    }
    shared->size = size;
    shared->in_hdf5 = false;
    shared->place[0] = '\0';
    memcpy(shared->input, data, size);
    memset(shared->counters, 0, n_counters);
    if (apart.pid == 0)
        start(run);
    const bool finished = run_one();
    if (shared->in_hdf5)
        print_place(shared->place, data, size);
    else if (!finished) {
        run(data, size);
        print_place("not here, and not again", data, size);
    }
    memcpy(__start___sancov_cntrs, shared->counters, n_counters);
}
